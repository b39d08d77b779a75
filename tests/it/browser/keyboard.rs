//! Everything that can be done to an incident is done without a mouse.

use fantoccini::key::Key;
use nightcall::domain::incident::Status;

use super::{Browser, DESK, browser};
use crate::pages::{cookie, staffed};

/// So many steps lead around any page.
const STEPS_MAX: usize = 120;

/// Where the focus is, for people who read a failure.
const FOCUSED: &str =
    "const one = document.activeElement; return `${one.tagName} ${one.id} ${one.textContent.trim().slice(0, 40)}`";

impl Browser {
    /// Goes by Tab to what fits a selector; a list that is folded up on the way is opened by Enter.
    async fn walk_to(&self, selector: &str) {
        let mut way = Vec::new();
        for _ in 0..STEPS_MAX {
            self.press(Key::Tab).await;
            if self.js(&format!("return document.activeElement.matches({selector:?})")).await == true {
                return;
            }
            let folds =
                "const one = document.activeElement; return one.tagName === 'SUMMARY' && !one.parentElement.open";
            if self.js(folds).await == true {
                self.press(Key::Enter).await;
            }
            way.push(self.js(FOCUSED).await);
        }
        panic!("Tab never comes to {selector}: {way:?}");
    }
}

#[tokio::test]
async fn every_act_is_reached_by_tab_and_works_by_enter() {
    let mut world = staffed().await;
    let Some(browser) = browser(&world).await else { return };
    world.nagios("PROBLEM", "CRITICAL").await;
    while world.phone.ringing().is_some() {}
    browser.has(&cookie(&world, "rae").await).await;
    browser.wear(DESK, "light").await;
    browser.go("/incidents").await;
    // The first step leads past the navigation.
    browser.press(Key::Tab).await;
    assert_eq!(browser.js("return document.activeElement.className").await, "skip");
    browser.press(Key::Enter).await;
    browser.walk_to("a#incident-1").await;
    browser.press(Key::Enter).await;
    browser.until("location.pathname === '/incidents/1'").await;
    world.expect_status(1, Status::Triggered).await;

    everything_is_reached(&browser).await;
    for (button, kind) in [
        ("#acknowledge", "acknowledged"),
        ("form[action$='/snooze'] button[value='1h']", "snoozed"),
        ("button[formaction$='/responders']", "responders_added"),
        ("button[formaction$='/reassign']", "reassigned"),
        ("form[action$='/escalate'] button", "escalated"),
        ("#take", "taken_over"),
        ("form[action$='/note'] textarea", "remarked"),
        ("#resolve, #resolve-big", "resolved"),
    ] {
        if kind == "taken_over" {
            // It is offered where somebody else has it.
            assert_eq!(world.post("/api/v1/incidents/1/acknowledge").await.0, 200);
        }
        browser.go("/incidents/1").await;
        browser.walk_to(button).await;
        if kind == "remarked" {
            browser.write("form[action$='/note'] textarea", "looked at by keyboard").await;
            browser.walk_to("form[action$='/note'] button").await;
        }
        browser.js("window.isOld = true").await;
        browser.press(Key::Enter).await;
        browser.until("!window.isOld && location.pathname === '/incidents/1'").await;
        let kinds = world.kinds(1).await;
        assert!(kinds.iter().any(|told| told == kind), "{button} is told as {kind}: {kinds:?}");
        while world.phone.ringing().is_some() {}
    }
    world.settle().await;
    while world.phone.ringing().is_some() {}
    browser.close().await;
}

/// Tab comes to everything that acts, and what has the focus can be seen to have it.
async fn everything_is_reached(browser: &Browser) {
    let mark = "document.querySelectorAll('details').forEach(one => one.open = true); window.met = new Set(); \
        document.activeElement.blur(); window.scrollTo(0, 0); \
        window.all = [...document.querySelectorAll('a[href], button, select, textarea, summary, iframe, input:not([type=hidden])')] \
        .filter(one => one.checkVisibility()); \
        return window.all.length";
    let all = browser.js(mark).await.as_u64().expect("a number");
    assert!(all > 15, "{all} things to do");
    let mut unseen = Vec::new();
    for _ in 0..STEPS_MAX {
        browser.press(Key::Tab).await;
        let look = "const one = document.activeElement; window.met.add(one); const style = getComputedStyle(one); \
            return one === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none'";
        if browser.js(look).await != true {
            unseen.push(browser.js(FOCUSED).await);
        }
        if browser.js("return window.all.every(one => window.met.has(one))").await == true {
            break;
        }
    }
    assert!(unseen.is_empty(), "the focus is not seen on {unseen:?}");
    let missed = "return window.all.filter(one => !window.met.has(one)).map(one => one.outerHTML.slice(0, 120))";
    assert_eq!(browser.js(missed).await, serde_json::json!([]), "Tab never comes there");
}
