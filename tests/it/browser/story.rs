//! A night with a phone and a desk: signing in, an incident that appears, two taps, a shift.

use nightcall::clock::Stopwatch;
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::Status;
use nightcall::http::{auth, pages};

use super::{Browser, DESK, PHONE, browser};
use crate::webhook::receiver;
use crate::world::World;

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn a_night_on_call() {
    let (hook, received) = receiver().await;
    let mut world = World::new(&format!(
        r#"
[users.chat]
contacts = ["webhook:{hook}"]
[schedules.primary]
layers = [{{ name = "weeks", starts = "2026-11-16T09:00", every = "1 week", turns = ["bob", "cid"] }}]
[policies.default]
steps = [{{ delay = "5m", targets = ["chat"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    ))
    .await;
    let Some(browser) = browser(&world).await else { return };

    // By the invitation's link, out again, and in by name and password.
    let (secret, now) = (auth::mint_secret(), world.now());
    let store = world.running.engine.store();
    store
        .add_invite(
            &auth::hash(&secret),
            "ann",
            now,
            now + jiff::SignedDuration::from_hours(1),
            &Actor::command_line("root"),
        )
        .await
        .expect("stored");
    browser.wear(DESK, "light").await;
    browser.go(&format!("/invite/{secret}")).await;
    browser.write("input[name=password]", PASSWORD).await;
    browser.write("input[name=repeated]", PASSWORD).await;
    browser.tap("main button").await;
    browser.until("location.pathname === '/incidents'").await;
    browser.tap("form[action='/sign-out'] button").await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.go("/incidents").await;
    assert_eq!(browser.path().await, "/sign-in");
    browser.write("input[name=name]", "ann").await;
    browser.write("input[name=password]", PASSWORD).await;
    browser.tap("main button").await;
    browser.until("location.pathname === '/incidents'").await;

    // A mail comes, and the page shows it by itself.
    browser.until("document.body.innerText.includes('Nothing is open')").await;
    browser.js("window.sameAsBefore = true").await;
    let watch = Stopwatch::start();
    world.nagios("PROBLEM", "CRITICAL").await;
    browser.until("document.querySelectorAll('.incident').length === 1").await;
    println!("an incident appears {:.1} s after its mail was sent", watch.elapsed().as_secs_f64());
    browser.until("document.querySelector('#headline').textContent.includes('1 open')").await;
    assert_eq!(browser.js("return window.sameAsBefore").await, true, "the page was not loaded again");

    // The link that the message has, on a phone: looking changes nothing, and the button is in sight.
    let message = received.got.lock().expect("lock").last().expect("a page").1.clone();
    let link = message.split('"').find(|text| text.ends_with("/incidents/1")).expect("a link").to_owned();
    browser.wear(PHONE, "dark").await;
    browser.go(link.strip_prefix(&world.url("")).expect("a link to us")).await;
    world.expect_status(1, Status::Triggered).await;
    let bottom = browser.js("return document.querySelector('#acknowledge').getBoundingClientRect().bottom").await;
    assert!(bottom.as_f64().expect("a number") < 844.0, "the button is in sight: {bottom}");
    browser.tap("#acknowledge").await;
    browser.until("document.body.innerText.includes('has it since')").await;
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(world.incident(1).await.acknowledged.expect("taken").1, "ann by web");

    // A shift in two taps.
    browser.go("/on-call").await;
    browser.until("document.body.innerText.includes('bob is on call')").await;
    browser.tap_on("//summary[contains(., 'Take or give a shift')]").await;
    browser.tap("form[action='/on-call/take'] button").await;
    browser.until("document.body.innerText.includes('ann is on call')").await;
    let overrides = world.running.engine.store().overrides_since(world.now()).await.expect("readable");
    assert_eq!(overrides.len(), 1, "{overrides:?}");
    rule(&browser).await;
    browser.close().await;
}

/// A rule is written in the playground, which reads the mail with it while it is typed.
async fn rule(browser: &Browser) {
    if !pages::routes().iter().any(|route| route.path == "/rules/try") {
        return;
    }
    browser.wear(DESK, "light").await;
    browser.go("/rules/try").await;
    browser.write("#text", "Subject: Tape 7 jammed in vault-3\nFrom: robot@vault.example\n\nSlot 12 is stuck.\n").await;
    let rule = "[[rule]]\nname = 'jam'\naction = 'trigger'\ndedup_key = 'tape/{vault}'\nsummary = 'Tape {tape} is stuck'\n\n\
        [rule.when]\nsubject = '^Tape (?<tape>\\d+) jammed in (?<vault>\\S+)'\n";
    browser.write("#toml", rule).await;
    browser.until("document.querySelector('#result').innerText.includes('It matches')").await;
    let marked = "[...document.querySelectorAll('#result mark')].map(one => one.textContent)";
    browser.until(&format!("{marked}.includes('vault-3')")).await;
    let result = browser.js("return document.querySelector('#result').innerText").await;
    let result = result.as_str().expect("text");
    assert!(result.contains("tape/vault-3") && result.contains("Tape 7 is stuck"), "{result}");
    assert!(result.contains("[[rule.test]]"), "what is to be kept has its test: {result}");
}
