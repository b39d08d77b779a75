//! What pages that follow are told, and when they are told nothing.

use std::time::Duration;

use reqwest::{Method, Response};

use crate::pages::{ask, cookie, staffed};
use crate::world::World;

/// The stamp in the next event, and over how many milliseconds pages are to ask again.
async fn heard(stream: &mut Response) -> (String, u64) {
    let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await;
    let chunk = chunk.expect("in time").expect("whole").expect("not the end");
    let text = String::from_utf8(chunk.to_vec()).expect("UTF-8");
    let data = text.strip_prefix("event: news\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let (stamp, spread) = data.and_then(|data| data.split_once(' ')).unwrap_or_else(|| panic!("one event: {text:?}"));
    (stamp.to_owned(), spread.parse().expect("a number"))
}

async fn stamp_of(world: &World, path: &str, cookie: &str) -> String {
    let text = ask(world, Method::GET, path, Some(cookie), &[]).await.text().await.expect("text");
    text.split("data-stamp=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a stamp").to_owned()
}

#[tokio::test]
async fn that_a_mail_came_is_told_to_pages_of_mails_only() {
    let mut world = staffed().await;
    let mine = cookie(&world, "vic").await;
    let mut mails = ask(&world, Method::GET, "/events?of=mails", Some(&mine), &[]).await;
    let mut others = ask(&world, Method::GET, "/events", Some(&mine), &[]).await;
    let ((before, _), (calm, spread)) = (heard(&mut mails).await, heard(&mut others).await);
    assert!(before.starts_with(&format!("{calm}-")), "{before} says the same and more than {calm}");
    assert_eq!(spread, 5, "two follow");
    assert_eq!(
        (stamp_of(&world, "/incidents", &mine).await, stamp_of(&world, "/mails", &mine).await),
        (calm.clone(), before.clone())
    );

    // Nothing is open, so a recovery is kept and changes nothing.
    world.nagios("RECOVERY", "OK").await;
    let (came, _) = heard(&mut mails).await;
    assert!(came.starts_with(&format!("{calm}-")) && came != before, "{came} after {before}");

    world.nagios("PROBLEM", "CRITICAL").await;
    let (opened, _) = heard(&mut others).await;
    assert_ne!(opened, calm, "the first that is told there is the incident");
    let (all, _) = heard(&mut mails).await;
    assert!(all.starts_with(&format!("{opened}-")), "{all} and {opened}");
    while world.phone.ringing().is_some() {}
}

/// While many follow, the list is read once for all of them.
#[tokio::test]
async fn a_list_that_many_share_has_the_news_and_what_somebody_has_just_done() {
    let mut world = staffed().await;
    let mine = cookie(&world, "rae").await;
    let list =
        async |world: &World| ask(world, Method::GET, "/incidents", Some(&mine), &[]).await.text().await.expect("text");
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = ask(&world, Method::GET, "/events", Some(&mine), &[]).await;
        heard(&mut stream).await;
        streams.push(stream);
    }
    assert!(list(&world).await.contains("Nothing is open"));
    world.nagios("PROBLEM", "CRITICAL").await;
    heard(&mut streams[7]).await;
    let call = world.expect_call("ann");
    let shown = list(&world).await;
    assert!(shown.contains("1 open, nobody has it") && shown.contains("calling ann"), "{shown}");
    let done = ask(&world, Method::POST, "/incidents/1/acknowledge", Some(&mine), &[]).await;
    assert_eq!(done.status().as_u16(), 303);
    let shown = list(&world).await;
    assert!(shown.contains("1 open, all taken") && shown.contains("rae by web has it"), "{shown}");
    world.phone.hang_up(&call, "canceled").await.expect("taken");
    while world.phone.ringing().is_some() {}
}
