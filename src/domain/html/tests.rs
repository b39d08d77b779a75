//! HTML in, lines out; `⇥` stands for a tab.

use std::time::{Duration, Instant};

use super::html_to_text;

fn check(cases: &[(&str, &str)]) {
    for (html, expected) in cases {
        assert_eq!(html_to_text(html).replace('\t', "⇥"), *expected, "{html:?}");
    }
}

#[test]
fn blocks_are_lines_and_inline_tags_vanish() {
    check(&[
        ("", ""),
        ("plain", "plain"),
        ("<h1>One</h1><p>two</p>three<div>four<div>five</div></div>", "One\ntwo\nthree\nfour\nfive"),
        ("<p> a \n\t b&nbsp;&nbsp;c <p>d", "a b c\nd"),
        ("dis<b>k</b> <i> full</i>", "disk full"),
        ("a<br>b<br/>c<BR />d", "a\nb\nc\nd"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<p>a<br></p><p>b</p>", "a\nb"),
        ("a</br>b<br></br>c", "a\nb\nc"),
        ("<ul><li>a</li><li>b<ul><li>c</ul></ul>d", "a\nb\nc\nd"),
        ("<dl><dt>Host<dd>db1</dl>", "Host\ndb1"),
        ("a<hr>b<section>c</section>", "a\nb\nc"),
        ("<a href='http://x/?a>b'>text</a>", "text"),
        ("<img src=x alt='DOWN &gt; 5'> now<img alt=''><img src=y>", "DOWN > 5 now"),
        ("<p>x</p>   \n<p>&nbsp;</p>\n<p>y</p>", "x\ny"),
        ("do\u{ad}wn\u{200b} &zwnj;&shy;\u{feff}x", "down x"),
    ]);
}

#[test]
fn rows_are_lines_and_cells_are_tabbed() {
    check(&[
        ("<table><tr><th>Host</th><td>db1</td></tr><tr><td>State<td>DOWN</table>end", "Host⇥db1\nState⇥DOWN\nend"),
        ("<table>\n <tr>\n <td> </td><td>a</td>\n <td></td><td>&nbsp;</td><td>b</td><td></td></tr></table>", "a⇥b"),
        ("<tr><td><p>Host</p></td>\n<td><div>\ndb1</div>\n</td></tr>", "Host⇥db1"),
        ("<tr><td>Host<br></td><td><br>db1</td></tr>", "Host\ndb1"),
        ("<tr><td>Output</td><td>one<br>two</td></tr>", "Output⇥one\ntwo"),
        ("<tr><td><p>one<p>two</td><td>three</td></tr>", "one\ntwo⇥three"),
        ("<tr><td>a</td><td><table><tr><td>b</td><td>c</td></tr></table></td><td>d</td></tr>", "a\nb⇥c\nd"),
        ("before<table><tr><td><table><tr><td>a</table></td><td></td></table>after", "before\na\nafter"),
        ("<tr><td style='display:none'>x</td><td>a</td><td>b</td></tr>", "a⇥b"),
    ]);
}

#[test]
fn what_nobody_reads_is_dropped() {
    check(&[
        ("<html><head><title>T &amp; t</title><style>p > a { x: '<p>' }</style></head><body>b</body>", "b"),
        ("a<script>if (a<b) { '</p>' }</script >b<STYLE>c</sTyLe\n>d<template><p>x</template>e", "abde"),
        ("a<script src='x'/>b<style/>c", "abc"),
        ("<head><meta charset=utf-8><p>body</p>", "body"),
        ("<head><title>t<style>a{}<body><p>body</p>", "body"),
        ("<head><style>a{} </head><p>body</p>", "body"),
        ("<style>a{} <p>body</p><style>b{}<p>more", "body\nmore"),
        ("<title>gone<p>body</p>", "body"),
        ("<!DOCTYPE html PUBLIC '-//W3C'><?xml version='1.0'?>a<!-- b > <p> -->c<!-->d<!--->e<!---->f", "acdef"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->a<!--[if !mso]><!-->b<!--<![endif]--><![if !mso]>c<![endif]>", "abc"),
        ("a<!-- never closed <p>b</p>c", "ab\nc"),
        ("a<![CDATA[ 1 < 2 &amp; <b> ]]>b", "a 1 < 2 &amp; <b> b"),
        ("a<![CDATA[b", "ab"),
        ("<xml><o:PixelsPerInch>96</o:PixelsPerInch></xml>a", "a"),
    ]);
}

#[test]
fn hidden_text_is_dropped_only_when_it_ends() {
    check(&[
        ("<div style=\"x:y; Display : none!important\">pre<div>view</div>!</div><p>a</p>", "a"),
        ("<span style='display:none'>x</span>a <span style='display:none'> y</span>b", "a b"),
        ("<p>a<p style='display:none'>b<p>c", "a\nb\nc"),
        ("<div style='display:none'/>a</div>b", "a\nb"),
        ("<img style='display:none' alt=pixel>a<i style=display:none>b</i>", "a"),
        ("<div style='display:block'>a</div><div style='mso-hide:all'>b</div>", "a\nb"),
    ]);
}

#[test]
fn broken_markup_is_text() {
    check(&[
        ("a < b, c<d", "a < b, c<d"),
        ("I <3 it, </3 and <> <- 5 <= 6 <", "I <3 it, </3 and <> <- 5 <= 6 <"),
        ("<p title='a > b' don't>x</p>'y'", "x\n'y'"),
        ("<a href=\"x>one</a> <b>two</b> <a href=\"y\">three</a>", "one two three"),
        ("<a href='x>one</a> two", "one two"),
        ("&lt;b&gt; &amp;amp; &#65;&#x42; &copy; &nosuch; & &#; AT&T", "<b> &amp; AB © &nosuch; & &#; AT&T"),
        ("Temp 14&deg;C &lt; 12", "Temp 14°C < 12"),
    ]);
}

#[test]
fn preformatted_text_keeps_its_lines() {
    check(&[
        ("x<pre>\n  a   b\r\n\n\n\tc  \n</pre> y  z", "x\n  a   b\n\n⇥c\ny z"),
        ("<pre>a<b>b</b>\nc", "ab\nc"),
        ("<pre></pre>a  b", "a b"),
    ]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn bombs_are_read_in_linear_time() {
    let size = 256 * 1024;
    let units = [
        "<div>",
        "</div>",
        "<table><tr><td>",
        "<table><tr><td>x</td>",
        "<",
        "</",
        "<!",
        "<!--",
        "<!-->",
        "&amp",
        "&",
        "&#",
        "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "<a href='",
        "<a href=\"",
        "<a href='>' ",
        "<a b='>' c",
        "<style>",
        "<style><p",
        "<title><",
        "<script></",
        "<![CDATA[",
        "<?",
        "<div style='display:none'>",
        "<p style=display:none></p>",
        "<pre> ",
        "<br>",
        "<img alt='",
        "<img alt=x ",
        "=",
        "<a =' ",
        "<a '=\"'> =",
        "\u{200b}",
        "<td>\u{a0}",
    ];
    for unit in units {
        for end in ["", "'x></style>-->"] {
            let bomb = unit.repeat(size / unit.len()) + end;
            let start = Instant::now();
            let text = html_to_text(&bomb);
            assert!(text.len() <= bomb.len());
            let limit = if cfg!(debug_assertions) { 1500 } else { 200 };
            assert!(start.elapsed() < Duration::from_millis(limit), "{unit:?} {end:?}: {:?}", start.elapsed());
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_soup_gives_clean_lines(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let html = pieces.concat();
        let text = html_to_text(&html);
        proptest::prop_assert!(!text.contains("\n\n\n") && !text.ends_with('\n'), "{html:?} {text:?}");
        for line in text.split('\n') {
            proptest::prop_assert!(line == line.trim() && !line.contains("  "), "{html:?} {line:?}");
        }
    }
}

const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "!",
    "--",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "\"",
    "'",
    "=",
    " ",
    "\n",
    "\t",
    "é",
    "☎",
    "a",
    "&nbsp;",
    "&",
    "&#233;",
    "<br>",
    "<div>",
    "</div>",
    "<td>",
    "</td>",
    "<tr>",
    "<table>",
    "</table>",
    "<p style='display:none'>",
    "</p>",
    "<img alt=' x '>",
    "<a href=\"é",
    "<style>",
    "</style",
    "<title>",
    "<body",
    "</head>",
    "\u{200b}",
    "<ÿ>",
];
