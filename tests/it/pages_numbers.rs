//! The numbers page, on both databases.

use jiff::SignedDuration;
use nightcall::store::numbers::By;
use reqwest::Method;

use crate::pages::{HOSTILE, ask, cookie, get, staffed, staffed_on};
use crate::postgres;

#[tokio::test]
async fn numbers_are_counted() {
    counted(None).await;
}

#[tokio::test]
async fn numbers_are_counted_on_postgresql() {
    if let Some(database) = postgres::database().await {
        counted(Some(&database)).await;
    }
}

async fn counted(database: Option<&str>) {
    let mut world = staffed_on(database).await;
    // One that somebody takes after four minutes, with a repeated alert, and ends after ten.
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(1).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(3).await;
    world.post("/api/v1/incidents/1/acknowledge").await;
    world.advance_minutes(6).await;
    world.post("/api/v1/incidents/1/resolve").await;
    // One that goes away by itself after two minutes, at night in New York and not in Berlin.
    world.clock.advance(SignedDuration::from_mins(20));
    world.mail("web@alerts.example.com", b"Subject: ** PROBLEM Host Alert: web1 is DOWN **\r\n\r\nx\r\n").await;
    world.advance_minutes(2).await;
    world.mail("web@alerts.example.com", b"Subject: ** RECOVERY Host Alert: web1 is UP **\r\n\r\nx\r\n").await;
    while world.phone.ringing().is_some() {}

    let store = world.running.engine.store();
    let (from, to) = (world.now() - SignedDuration::from_hours(24), world.now());
    for (by, groups) in [
        (By::Service, ["web", "db"]),
        (By::Sender, ["root@mon01.example", "root@mon01.example"]),
        (By::Rule, ["nagios/host", "nagios/service"]),
    ] {
        let cases = store.cases(by, from, to, 10).await.expect("readable");
        let found: Vec<&str> = cases.iter().map(|case| case.group.as_str()).collect();
        assert_eq!(found, groups, "{by:?}");
    }
    let cases = store.cases(By::Service, from, to, 10).await.expect("readable");
    let [web, db] = &cases[..] else { panic!("{cases:?}") };
    assert_eq!((db.alerts, db.touched, web.alerts, web.touched), (2, true, 1, false), "{cases:?}");
    assert_eq!(db.taken_at.map(|at| db.opened_at.duration_until(at)), Some(SignedDuration::from_mins(4)));
    assert_eq!(db.resolved_at.map(|at| db.opened_at.duration_until(at)), Some(SignedDuration::from_mins(10)));
    assert!(
        store.cases(By::Service, from, web.opened_at, 10).await.expect("readable").len() == 1,
        "its end is no part"
    );
    assert_eq!(store.cases(By::Service, from, to, 1).await.expect("readable").len(), 1);
    let told = store.pages_told(from, to, 10).await.expect("readable");
    assert_eq!(told.iter().filter(|(user, _)| user == "ann").count(), 2, "{told:?}");

    let mine = cookie(&world, "vic").await;
    let (status, page) = get(&world, "/numbers", &mine).await;
    assert_eq!(status, 200);
    for shown in [
        "<th scope=\"row\">db</th><td>1</td><td>1</td>",
        "<td>4 min</td>",
        "<td>10 min</td>",
        "role=\"img\" aria-labelledby=\"opened-title opened-desc\"",
        "The most is 2 at 21 Nov.",
        "<td>100 %</td>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let csv = ask(&world, Method::GET, "/numbers.csv?by=service", Some(&mine), &[]).await;
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.expect("text");
    assert!(csv.contains("\r\n\"db\",1,1,") && csv.contains(",240,240,600,600\r\n"), "{csv}");
    assert!(csv.starts_with("service,incidents,") && csv.contains("\"(all)\",2,"), "{csv}");
}

#[tokio::test]
async fn what_is_no_day_is_as_if_it_were_not_there() {
    let mut world = staffed().await;
    let hostile = format!("Subject: {HOSTILE} is CRITICAL\r\nFrom: =cmd@evil.example\r\n\r\nx\r\n");
    world.mail("db@alerts.example.com", hostile.as_bytes()).await;
    while world.phone.ringing().is_some() {}
    let mine = cookie(&world, "vic").await;
    for (query, shown) in [
        ("", "value=\"2026-10-25\""),
        ("?from=2026-11-21&to=2026-11-21", "value=\"2026-11-21\""),
        ("?from=1970-01-01&to=2026-11-21", "value=\"2025-11-21\""),
        ("?from=2026-12-24&to=2027-01-01", "value=\"2026-10-25\""),
        ("?from=x&to=%22%27%3E%3Cxss%3E&by=%3Cxss%3E", "<option selected>service</option>"),
        ("?by=sender", "<option selected>sender</option>"),
        ("?by=rule", "<th scope=\"row\">recogniser</th>"),
    ] {
        let (status, page) = get(&world, &format!("/numbers{query}"), &mine).await;
        assert_eq!(status, 200, "{query}");
        assert!(page.contains(shown) && !page.contains("<xss"), "{query} {shown}: {page}");
    }
}
