//! Looking for a text among incidents and mails: as far at once as takes no time, and it is told how far that was.

use nightcall::store::archive::UNMATCHED_LOOKED_AT;
use nightcall::store::board::{SEARCHED_AT_ONCE, Wanted};
use nightcall::store::search::MAILS_SEARCHED_AT_ONCE;
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
    // By the API as well, and its cursor leaves nothing out; without a text all are there at once.
    for (query, steps) in [("text=dISK%20100%25_", 3), ("severity=critical", 3), ("status=resolved", 1)] {
        let (mut found, mut cursor, mut asked) = (Vec::new(), String::new(), 0);
        loop {
            let (status, body) = world.get(&format!("/api/v1/incidents?{query}&cursor={cursor}")).await;
            assert_eq!(status, 200, "{body}");
            found.extend(body["incidents"].as_array().expect("a list").iter().filter_map(|one| one["number"].as_i64()));
            asked += 1;
            let Some(next) = body["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!((found, asked), (vec![numbers[2], numbers[1], numbers[0]], steps), "{query}");
    }
    let (_, body) = world.get("/api/v1/incidents?status=triggered&text=disk").await;
    assert!(body["next_cursor"].is_null(), "what is open is looked at as a whole: {body}");
    assert_eq!(world.get(&format!("/api/v1/incidents?text={}", "x".repeat(201))).await.0, 400);
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

#[tokio::test]
async fn mails_are_searched_as_far_as_takes_no_time() {
    let folder = tempfile::tempdir().expect("a folder");
    mails_searched(&sqlite_url(folder.path())).await;
}

#[tokio::test]
async fn mails_are_searched_on_postgresql() {
    if let Some(database) = postgres::database().await {
        mails_searched(&database).await;
    }
}

async fn run(database: &str, sql: String) {
    let mut connection = AnyConnection::connect(database).await.expect("the database");
    let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    connection.close().await.expect("closed");
}

/// Subjects that a search finds, and how many steps it takes.
async fn all_found(world: &World, text: &str) -> (Vec<String>, u32) {
    let (mut found, mut cursor, mut steps) = (Vec::new(), String::new(), 0);
    loop {
        let (status, body) = world.get(&format!("/api/v1/mails?limit=2&text={text}&cursor={cursor}")).await;
        assert_eq!(status, 200, "{body}");
        let subjects = body["mails"].as_array().expect("a list").iter().filter_map(|mail| mail["subject"].as_str());
        found.extend(subjects.map(str::to_owned));
        steps += 1;
        let Some(next) = body["next_cursor"].as_str() else { return (found, steps) };
        cursor = next.to_owned();
    }
}

async fn mails_searched(database: &str) {
    let mut world = staffed_on(Some(database)).await;
    for (to, subject) in [("db", "Pump 18: 100%_ \"stopped\""), ("web", "Fan, 3: stopped"), ("db", "Pump 19: running")]
    {
        world.clock.advance(jiff::SignedDuration::from_secs(1));
        let mail = format!("From: Plant <plant@mon.example>\r\nSubject: {subject}\r\n\r\nx\r\n");
        world.mail(&format!("{to}@alerts.example.com"), mail.as_bytes()).await;
    }
    while world.phone.ringing().is_some() {}
    // Sender, recipient and subject, literally and in any case of ASCII.
    for (text, expected) in [
        ("pUMP", &["Pump 19: running", "Pump 18: 100%_ \"stopped\""][..]),
        ("100%25_", &["Pump 18: 100%_ \"stopped\""]),
        ("%25%25", &[]),
        ("%22stopped", &["Pump 18: 100%_ \"stopped\""]),
        ("web@ALERTS", &["Fan, 3: stopped"]),
        ("plant@mon", &["Pump 19: running", "Fan, 3: stopped", "Pump 18: 100%_ \"stopped\""]),
        ("root@mon01", &["Pump 19: running", "Fan, 3: stopped", "Pump 18: 100%_ \"stopped\""]),
        ("%2C", &["Fan, 3: stopped"]),
        ("%5B", &[]),
        ("nowhere", &[]),
    ] {
        assert_eq!(all_found(&world, text).await.0, expected, "{text}");
    }
    assert_eq!(world.get("/api/v1/mails?text=a%00").await.0, 400);
    // Older mails, more than are looked at in one step; the very first one fits.
    let count = MAILS_SEARCHED_AT_ONCE + 5;
    let id = "'000000000000000000000000' || substr(cast(100000000 + n as text), 2)";
    let up = format!("with recursive up (n) as (select 1 union all select n + 1 from up where n < {count})");
    let columns = "received_at, peer, helo, reverse_path, recipients, size_bytes, sha256, raw, message_id, header_from, \
                   origin_at, defects, trace, client, authentication";
    let sql = format!(
        "insert into mail (id, subject, {columns}) {up} select {id}, case when n = 1 then 'Pump 1: old' else 'other' end, \
         {columns} from up cross join (select * from mail order by id limit 1) template"
    );
    run(database, sql).await;
    let (found, steps) = all_found(&world, "pump").await;
    assert_eq!(found, ["Pump 19: running", "Pump 18: 100%_ \"stopped\"", "Pump 1: old"]);
    assert_eq!(steps, 2);
    let mine = cookie(&world, "vic").await;
    let text = ask(&world, reqwest::Method::GET, "/mails?text=Pump%201%3A", Some(&mine), &[]).await.text().await;
    let text = text.expect("text");
    assert!(text.contains("Nothing fits so far.") && text.contains("The search went back to"), "{text}");
    let further = text.split("href=\"").filter_map(|link| link.split('"').next()).find(|link| link.contains("before="));
    let further = further.expect("a link further back").replace("&#38;", "&");
    let text = ask(&world, reqwest::Method::GET, &further, Some(&mine), &[]).await.text().await.expect("text");
    assert!(text.contains("Pump 1: old") && !text.contains("Search further back"), "{text}");
    // Few large mails end a step as well.
    let large = "update mail set size_bytes = 70000000 where id like '00000000%999'";
    run(database, large.to_owned()).await;
    let (found, steps) = all_found(&world, "pump").await;
    assert_eq!((found.len(), steps > 8), (3, true), "{steps} steps");

    // Of mails that no rule knew the newest are looked at.
    let columns = "ordinal, recipient, service, action, dedup_key, severity, summary, reason, outcome, incident_number, \
                   details, links, held";
    let sql = format!(
        "insert into alert (mail_id, rule, {columns}) {up} select {id}, 'recogniser', {columns} \
         from up cross join (select * from alert order by mail_id limit 1) template"
    );
    run(database, sql).await;
    let (status, body) = world.get("/api/v1/unmatched").await;
    assert_eq!((status, &body["senders"][0]["mails"]), (200, &serde_json::json!(UNMATCHED_LOOKED_AT)), "{body}");
    assert!(body["looked_back_to"].is_string() && body["senders"][0]["newest_subject"] == "Pump 19: running", "{body}");
}
