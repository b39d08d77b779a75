//! A mail's own HTML without anything that acts or asks for something: the second of two walls. The first is the
//! sandbox that its page is shown in; each holds without the other.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;

/// Tags up to which HTML is parsed as browsers parse it: that takes the square of how deep they are nested.
const TAGS_MAX: usize = 20_000;

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    let attributes = HashMap::from([
        ("td", HashSet::from(["colspan", "rowspan"])),
        ("th", HashSet::from(["colspan", "rowspan"])),
        ("ol", HashSet::from(["start"])),
    ]);
    cleaner
        // Nothing that leads anywhere or is fetched from anywhere: what links say is in the text, where they lead is
        // in the raw mail.
        .rm_tags(["a", "area", "img", "map"])
        .add_clean_content_tags(["title"])
        .generic_attributes(HashSet::new())
        .tag_attributes(attributes)
        .url_schemes(HashSet::new())
        .link_rel(None);
    cleaner
});

/// What is left of HTML. `text` is the same as text, for HTML that would take too long.
pub(super) fn sanitised(html: &str, text: &str) -> String {
    let is_large = html.bytes().filter(|byte| *byte == b'<').count() > TAGS_MAX;
    let body =
        if is_large { format!("<pre>{}</pre>", ammonia::clean_text(text)) } else { CLEANER.clean(html).to_string() };
    format!("<!doctype html><html lang=\"\"><meta charset=\"utf-8\"><title>The mail as HTML</title>{body}</html>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;

    fn left(html: &str) -> String {
        let page = sanitised(html, "");
        let body = page.split_once("</title>").expect("a title").1;
        body.strip_suffix("</html>").expect("an end").to_owned()
    }

    #[test]
    fn nothing_acts_and_nothing_is_fetched() {
        for (html, expected) in [
            ("<p>disk <b>full</b></p>", "<p>disk <b>full</b></p>"),
            (
                "<table><tr><td colspan=2 style='background:url(//x)'>a</table>",
                "<table><tbody><tr><td colspan=\"2\">a</td></tr></tbody></table>",
            ),
            ("<script>alert(1)</script>x", "x"),
            ("<style>@import '//evil.example'</style>x", "x"),
            ("<img src=https://evil.example/x onerror=alert(1)>x", "x"),
            ("<a href=\"javascript:alert(1)\">go</a>", "go"),
            ("<a href=https://evil.example ping=//evil.example>go</a>", "go"),
            ("<blockquote cite=https://evil.example>q</blockquote>", "<blockquote>q</blockquote>"),
            ("<form action=//evil.example><input autofocus onfocus=alert(1)></form>x", "x"),
            ("<iframe srcdoc='<script>alert(1)</script>'></iframe>x", "x"),
            ("<svg><script>alert(1)</script></svg>x", "x"),
            ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", ""),
            ("<meta http-equiv=refresh content='0;url=//evil.example'>x", "x"),
            ("<base href=//evil.example><link rel=stylesheet href=//evil.example>x", "x"),
            ("<video poster=//evil.example src=//evil.example></video>x", "x"),
            ("<p onclick=alert(1) id=main class=x>y</p>", "<p>y</p>"),
            ("<!--[if mso]><script>alert(1)</script><![endif]-->x", "x"),
            ("<title>t</title><body background=//evil.example>x", "x"),
            ("</title></pre><script>x", ""),
        ] {
            let left = left(html);
            assert!(!left.contains("evil") && !left.contains("alert") && !left.contains("script"), "{html}: {left}");
            if !html.starts_with("<math>") {
                assert_eq!(left, expected, "{html}");
            }
        }
    }

    #[test]
    fn nesting_takes_no_time() {
        let watch = Stopwatch::start();
        for (tag, times) in
            [("<div>", TAGS_MAX), ("<p>", TAGS_MAX), ("<b><i>", TAGS_MAX / 2), ("<table><td>", TAGS_MAX / 2)]
        {
            let _ = sanitised(&tag.repeat(times), "");
        }
        assert!(watch.elapsed().as_secs() < 30, "took {:?}", watch.elapsed());
        let large = sanitised(&"<div>".repeat(TAGS_MAX + 1), "a < b");
        assert!(large.contains("<pre>a&#32;&lt;&#32;b</pre>"), "{large}");
    }

    #[test]
    fn as_many_tags_as_are_allowed_stay_html() {
        let many = sanitised(&"<div>".repeat(TAGS_MAX), "a < b");
        assert!(many.contains("<div>") && !many.contains("<pre>"), "{}", &many[..200]);
    }
}
