//! On call by person, feeds and giving a shift; health of all nodes.

use jiff::SignedDuration;
use nightcall::store::node::Node;
use reqwest::Method;

use crate::pages::{HOSTILE, ask, cookie, get, location, staffed, staffed_on};
use crate::postgres;

#[tokio::test]
async fn shifts_by_person_are_subscribed_and_given() {
    let world = staffed().await;
    let rae = cookie(&world, "rae").await;
    let before = world.running.engine.store().stamp().await.expect("readable");
    let (_, page) = get(&world, "/on-call", &rae).await;
    assert!(
        page.contains("<span class=\"name\">rae</span>") && page.contains("<span class=\"name\">ada</span>"),
        "{page}"
    );
    assert_eq!(world.running.engine.store().stamp().await.expect("readable"), before, "looking changes nothing");
    let feeds: Vec<String> = page
        .split("href=\"http://")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(address, _)| address.split_once('/').expect("a path").1.replace("&#38;", "&"))
        .collect();
    let [schedule, mine] = &feeds[..] else { panic!("two feeds: {feeds:?}") };
    assert!(schedule.starts_with("feeds/schedules/primary.ics?token="), "{schedule}");
    assert!(mine.starts_with("feeds/people/rae.ics?token="), "{mine}");
    for feed in &feeds {
        let read = world.http().get(world.url(&format!("/{feed}"))).send().await.expect("an answer");
        assert_eq!(read.status().as_u16(), 200, "{feed}");
        assert!(read.text().await.expect("text").starts_with("BEGIN:VCALENDAR"), "{feed}");
    }
    let (_, viewed) = get(&world, "/on-call", &cookie(&world, "vic").await).await;
    assert!(!viewed.contains("feeds/people/rae") && !viewed.contains("Give it"), "{viewed}");

    let form = page.split("class=\"give\"").nth(1).expect("a shift of hers");
    let value = |name: &str| {
        let field = form.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
        field.split('"').next().expect("a value").to_owned()
    };
    let (from, to) = (value("from"), value("to"));
    let form = [("schedule", "primary"), ("replaces", "rae"), ("from", &*from), ("to", &*to), ("user", "bob")];
    let given = ask(&world, Method::POST, "/on-call/give", Some(&rae), &form).await;
    assert_eq!((given.status().as_u16(), location(&given)), (303, "/on-call"));
    let (_, page) = get(&world, "/on-call", &rae).await;
    assert!(page.contains("<strong>bob</strong> is on call"), "{page}");
    let nobody = [form[0], form[1], form[2], form[3], ("user", "")];
    assert_eq!(ask(&world, Method::POST, "/on-call/give", Some(&rae), &nobody).await.status().as_u16(), 400);
}

#[tokio::test]
async fn other_nodes_are_compared() {
    compared(None).await;
}

#[tokio::test]
async fn other_nodes_are_compared_on_postgresql() {
    if let Some(database) = postgres::database().await {
        compared(Some(&database)).await;
    }
}

async fn compared(database: Option<&str>) {
    let mut world = staffed_on(database).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    while world.phone.ringing().is_some() {}
    let store = world.running.engine.store();
    let mine = world.running.engine.definitions();
    assert!(mine.files.contains_key("nightcall.toml") && mine.files.contains_key("shipped rules/nagios.toml"));
    let mut node = Node {
        name: format!("{HOSTILE}:1"),
        seen_at: world.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        definitions: mine.version.clone(),
        files: mine.files.clone(),
    };
    store.introduce(&node).await.expect("written");
    let cookie = cookie(&world, "vic").await;
    let (_, page) = get(&world, "/health", &cookie).await;
    assert!(page.contains("the same as here") && !page.contains("<xss"), "{page}");
    assert!(page.contains("<div><dt>db</dt><dd><time") && page.contains("none yet"), "{page}");
    assert!(page.contains("<div><dt>voice</dt>"), "{page}");

    node.version = "9.9".to_owned();
    node.files.insert("nightcall.toml".to_owned(), "another".to_owned());
    node.files.remove("shipped rules/nagios.toml");
    node.files.insert("rules/extra.toml".to_owned(), "new".to_owned());
    store.introduce(&node).await.expect("written");
    world.clock.advance(SignedDuration::from_mins(7));
    let (_, page) = get(&world, "/health", &cookie).await;
    for shown in [
        "nightcall.toml is another one there",
        "shipped rules/nagios.toml is only here",
        "rules/extra.toml is only there",
        "9.9, here",
        "the oldest was due",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    world.clock.advance(SignedDuration::from_hours(25));
    let (_, page) = get(&world, "/health", &cookie).await;
    assert!(!page.contains("another one there"), "gone for good: {page}");
    world.settle().await;
    while world.phone.ringing().is_some() {}
}
