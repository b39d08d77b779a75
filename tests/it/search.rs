//! Looking for a text among resolved incidents: as far at once as takes no time, and it is told how far that was.

use nightcall::store::board::{SEARCHED_AT_ONCE, Wanted};
use sqlx::{AnyConnection, Connection as _};

use crate::pages::{ask, cookie, staffed_on};
use crate::postgres;
use crate::world::{World, sqlite_url};

#[tokio::test]
async fn a_search_tells_how_far_back_it_went() {
    let folder = tempfile::tempdir().expect("a folder");
    searched(&sqlite_url(folder.path())).await;
}

#[tokio::test]
async fn a_search_tells_how_far_back_it_went_on_postgresql() {
    if let Some(database) = postgres::database().await {
        searched(&database).await;
    }
}

/// The numbers shown, and the address of what lies further back.
async fn page(world: &World, path: &str) -> (Vec<i64>, Option<String>, String) {
    let mine = cookie(world, "vic").await;
    let text = ask(world, reqwest::Method::GET, path, Some(&mine), &[]).await.text().await.expect("text");
    let links = text.split("href=\"/incidents/").skip(1);
    let numbers = links.filter_map(|link| link.split('"').next()?.parse().ok()).collect();
    let more = text.split("href=\"").skip(1).filter_map(|link| link.split('"').next());
    let more = more.filter(|link| link.contains("before=")).map(|link| link.replace("&#38;", "&")).next();
    (numbers, more, text)
}

async fn searched(database: &str) {
    let mut world = staffed_on(Some(database)).await;
    let numbers = [1, SEARCHED_AT_ONCE + 5000, 2 * SEARCHED_AT_ONCE + 20_000];
    for number in numbers {
        // Numbers may have gaps, so a few incidents reach as far as many.
        let mut connection = AnyConnection::connect(database).await.expect("the database");
        let sql = "update counter set value = $1 where name = 'incident'";
        sqlx::query(sql).bind(number - 1).execute(&mut connection).await.expect("a number");
        connection.close().await.expect("closed");
        let mail = format!("Subject: ** PROBLEM Service Alert: db{number}/Disk 100%_ is CRITICAL **\r\n\r\nx\r\n");
        world.mail("db@alerts.example.com", mail.as_bytes()).await;
        assert_eq!(world.post(&format!("/api/v1/incidents/{number}/resolve")).await.0, 200);
    }
    while world.phone.ringing().is_some() {}

    // All of a service are there at once, whatever lies between.
    let (shown, more, _) = page(&world, "/incidents?status=resolved&service=db").await;
    assert_eq!((shown, more), (vec![numbers[2], numbers[1], numbers[0]], None));
    // A text is looked for step by step, in any case, and `%` is a letter.
    let mut address = "/incidents?status=resolved&text=dISK%20100%25_".to_owned();
    for (number, back_to) in [
        (numbers[2], Some(numbers[2] + 1 - SEARCHED_AT_ONCE)),
        (numbers[1], Some(numbers[2] + 1 - 2 * SEARCHED_AT_ONCE)),
        (numbers[0], None),
    ] {
        let (shown, more, text) = page(&world, &address).await;
        assert_eq!(shown, [number], "{address}");
        assert_eq!(more.is_some(), back_to.is_some(), "{text}");
        if let Some(back_to) = back_to {
            assert!(text.contains(&format!("the search went back to #{back_to}.")), "{text}");
            assert!(text.contains("Search further back"), "{text}");
        }
        address = more.unwrap_or_default();
    }
    let (shown, more, text) = page(&world, "/incidents?status=resolved&text=nowhere").await;
    assert!(shown.is_empty() && more.is_some() && text.contains("Nothing fits so far."), "{text}");
    let (_, more, text) = page(&world, "/incidents?status=resolved&text=nowhere&before=100").await;
    assert!(more.is_none() && text.contains("Nothing fits."), "{text}");

    // A page that is full says where the next one begins, with a text and without.
    let store = world.running.engine.store();
    for text in [None, Some("disk".to_owned())] {
        let wanted = Wanted { service: Some("db".to_owned()), text, limit: 1, ..Wanted::default() };
        let past = store.resolved_incidents(&wanted).await.expect("readable");
        let [newest] = &past.incidents[..] else { panic!("one: {past:?}") };
        assert_eq!(newest.number, numbers[2]);
        let expected = if wanted.text.is_some() { numbers[2] + 1 - SEARCHED_AT_ONCE } else { numbers[2] };
        assert_eq!(past.looked_back_to, Some(expected));
    }
}
