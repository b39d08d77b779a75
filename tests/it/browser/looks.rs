//! Each page at the widths of a phone and a desk, light and dark: nothing is wider than the screen, axe-core finds nothing
//! serious, and pictures are kept for people to look at.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::http::pages::access::BREAK_GLASS;
use nightcall::http::{auth, pages};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, DESK, PHONE, browser};
use crate::pages::{ask, cookie, filled, staffed};
use crate::world::{World, skip};

/// As `npm ci` in `tests/browser` puts it there.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules/axe-core/axe.min.js");

/// How many of its rules held, and what `axe.run` found wrong and how badly. Frames hold what mails say, in a sandbox where
/// no script runs.
const RUN_AXE: &str = "const done = arguments[0]; \
    axe.run(document, { iframes: false }).then(found => done([found.passes.length, found.violations \
    .map(one => [one.impact, one.id, one.nodes.slice(0, 3).map(node => `${node.html.slice(0, 200)}: \
    ${((node.any[0] || node.all[0] || node.none[0]) || {}).message}`)])]), error => done([0, [['critical', String(error), []]]]))";

#[tokio::test]
async fn each_page_fits_and_can_be_read() {
    let mut world = staffed().await;
    let Some(browser) = browser(&world).await else { return };
    let axe = std::fs::read_to_string(AXE).ok();
    if axe.is_none() {
        skip("axe-core is not installed (npm ci --prefix tests/browser)");
    }
    let mail = furnish(&mut world).await;
    let admin = cookie(&world, "ada").await;
    let mut addresses = vec!["/sign-in".to_owned()];
    for route in pages::routes().iter().filter(|route| route.method == Method::GET) {
        let path = filled(route.path, &mail);
        if route.path != "/events" && !addresses.contains(&path) && is_page(&world, &path, &admin).await {
            addresses.push(path);
        }
    }
    for more in [
        "/incidents?status=all&select=some",
        "/incidents?status=all&text=nowhere",
        "/incidents/2",
        "/mails?view=unmatched",
        "/nowhere",
    ] {
        addresses.push(more.to_owned());
    }
    let folder = pictures();
    let mut wrong = Vec::new();
    browser.go("/sign-in").await;
    for (width, scheme) in [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")] {
        browser.wear(width, scheme).await;
        for address in &addresses {
            if address == "/sign-in" {
                browser.devtools("Network.clearBrowserCookies", json!({})).await;
            } else {
                browser.has(&admin).await;
            }
            browser.go(address).await;
            let name = format!("{}-{width}-{scheme}.png", name(address));
            std::fs::write(folder.join(&name), browser.picture(width).await).expect("a picture is kept");
            let wide = "document.querySelectorAll('details').forEach(one => one.open = true); return document.documentElement.scrollWidth";
            let wide = browser.js(wide).await.as_u64().expect("a number");
            if wide > u64::from(width) {
                wrong.push(format!("{name}: {wide} pixels wide"));
            }
            if let Some(axe) = &axe {
                wrong.extend(browser.axe(axe).await.into_iter().map(|found| format!("{name}: {found}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} pages, each in four pictures, in {}", addresses.len(), folder.display());
    browser.close().await;
}

impl Browser {
    /// The whole page, as PNG.
    async fn picture(&self, width: u32) -> Vec<u8> {
        let height = self.js("return Math.min(3000, Math.max(844, document.documentElement.scrollHeight))").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let how = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", how).await;
        STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64")
    }

    /// What axe-core calls serious or critical.
    async fn axe(&self, source: &str) -> Vec<String> {
        self.js(source).await;
        let found = self.client.execute_async(RUN_AXE, Vec::new()).await.expect("it runs");
        assert!(found[0].as_u64().expect("a number") > 10, "its rules were asked: {found}");
        let found = found[1].as_array().expect("a list").clone();
        let is_bad = |one: &Value| matches!(one[0].as_str(), Some("serious" | "critical"));
        found.into_iter().filter(is_bad).map(|one| one.to_string()).collect()
    }
}

/// Something of everything; the id of a mail with HTML.
async fn furnish(world: &mut World) -> String {
    let html = b"Subject: ** PROBLEM Service Alert: web1/http is WARNING **\r\nFrom: Nagios <nagios@mon.example>\r\n\
        MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<h1>web1</h1><p>HTTP answers 503 <b>since 09:58</b>.</p>\r\n";
    let mut mail = String::new();
    for subject in
        ["** PROBLEM Service Alert: db1/disk is CRITICAL **", "** PROBLEM Service Alert: db1/swap is WARNING **"]
    {
        world
            .mail("db@alerts.example.com", format!("Subject: {subject}\r\n\r\nDISK CRITICAL - 2% free\r\n").as_bytes())
            .await;
    }
    for raw in [&b"Subject: The backup of a machine with a very long name, backup-archive-0042.berlin.example.com, said something odd\r\nFrom: backup@odd.example\r\n\r\nhello\r\n"[..], html] {
        mail = world.mail("web@alerts.example.com", raw).await;
    }
    while world.phone.ringing().is_some() {}
    world.post("/api/v1/incidents/2/acknowledge").await;
    world.post("/api/v1/incidents/3/resolve").await;
    let rae = cookie(world, "rae").await;
    for (path, form) in [
        ("/incidents/1/note", &[("text", "Looking at the tables that grew.")][..]),
        ("/incidents/2/snooze", &[("until", "4h")]),
    ] {
        assert_eq!(ask(world, Method::POST, path, Some(&rae), form).await.status(), 303, "{path}");
    }
    world.advance(SignedDuration::from_mins(7)).await;
    // One call fails, one is answered, and a contact that has failed works again.
    let call = world.phone.ringing().expect("somebody is called");
    world.phone.hang_up(&call, "failed").await.expect("an end");
    world.settle().await;
    while world.phone.ringing().is_some() {}
    for person in ["rae", "vic"] {
        let path = format!("/people/{person}/contacts/voice/test");
        assert_eq!(ask(world, Method::POST, &path, Some(&rae), &[]).await.status(), 303);
        world.settle().await;
        let call = world.phone.ringing().expect("the phone rings");
        let heard = world.phone.pick_up(&call).await.expect("speech");
        world.phone.press(&call, &heard, "4").await.expect("an end");
    }
    // The glass was broken, and still is.
    let (secret, now) = (auth::mint_secret(), world.now());
    let (until, by) = (now + SignedDuration::from_hours(1), Actor::command_line("root"));
    let store = world.running.engine.store();
    store.add_invite(&auth::hash(&secret), BREAK_GLASS, now, until, &by).await.expect("stored");
    assert_eq!(ask(world, Method::POST, &format!("/break-glass/{secret}"), None, &[]).await.status(), 303);
    world.advance(SignedDuration::from_mins(4)).await;
    while world.phone.ringing().is_some() {}
    mail
}

/// Whether an address shows a page of ours: no file, and no mail's own HTML.
async fn is_page(world: &World, path: &str, cookie: &str) -> bool {
    let answer = ask(world, Method::GET, path, Some(cookie), &[]).await;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_html = header("content-type").starts_with("text/html");
    is_html && answer.status() == 200 && !header("content-security-policy").contains("sandbox")
}

/// Where pictures are kept.
fn pictures() -> PathBuf {
    let kept = std::env::var_os("NIGHTCALL_SCREENSHOTS").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../screenshots"));
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

/// An address as a file's name.
fn name(address: &str) -> String {
    let id = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = address.split(['/', '?', '=', '&']).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.map(|part| if id(part) { "one" } else { part }).collect();
    parts.join("-")
}
