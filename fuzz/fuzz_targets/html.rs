//! HTML of any kind becomes text that is not much longer than it and has no blanks at the ends of its lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightcall::domain::html::html_to_text;

fuzz_target!(|html: &str| {
    let text = html_to_text(html);
    assert!(text.len() <= 4 * html.len() + 16, "{} from {}", text.len(), html.len());
    assert!(text.split('\n').all(|line| line.trim_end() == line), "{text:?}");
});
