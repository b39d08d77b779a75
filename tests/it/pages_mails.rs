//! Mails that wait, what a mail looks like, and sending one through the rules again.

use nightcall::domain::incident::Status;
use reqwest::Method;
use reqwest::header::CONTENT_SECURITY_POLICY;

use crate::pages::{ask, cookie, get, location, seen, staffed};
use crate::world::{STANDARD, World};

#[tokio::test]
async fn what_waits_is_counted() {
    let mut world = staffed().await;
    for subject in ["odd thing", "other thing", "** PROBLEM Service Alert: db1/disk is CRITICAL **"] {
        world.mail("web@alerts.example.com", format!("Subject: {subject}\r\n\r\nx\r\n").as_bytes()).await;
    }
    while world.phone.ringing().is_some() {}
    let (_, page) = get(&world, "/mails", &cookie(&world, "vic").await).await;
    assert!(page.contains("No rule knew <span class=\"number\">2</span>"), "{page}");
    assert!(page.contains("Kept aside <span class=\"number\">0</span>"), "{page}");
    let (_, page) = get(&world, "/mails?view=unmatched", &cookie(&world, "vic").await).await;
    assert!(page.contains("other thing") && !page.contains("/rules/try?mail="), "a viewer makes no rules: {page}");
    world.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    let (_, page) = get(&world, "/mails?view=unmatched", &cookie(&world, "rae").await).await;
    assert!(page.contains("No rule knew <span class=\"number\">0</span>") && !page.contains("other thing"), "{page}");
}

#[tokio::test]
async fn html_has_two_walls_around_it() {
    let mut world = staffed().await;
    let html = "<table><tr><td>disk</td></tr></table><img src=https://evil.example/x><a href=https://evil.example>go</a>\
                <script>alert(1)</script><style>@import url(https://evil.example)</style>";
    let raw = format!("Subject: report\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{html}\r\n");
    let id = world.mail("web@alerts.example.com", raw.as_bytes()).await;
    while world.phone.ringing().is_some() {}
    let mine = cookie(&world, "vic").await;
    let shown = ask(&world, Method::GET, &format!("/mails/{id}/html"), Some(&mine), &[]).await;
    let policy = shown.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
    assert_eq!(policy, "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox");
    let text = shown.text().await.expect("text");
    assert!(text.contains("<td>disk</td>") && text.contains("go"), "{text}");
    assert!(!text.contains("evil") && !text.contains("script") && !text.contains("<style"), "{text}");
    let (_, page) = get(&world, &format!("/mails/{id}"), &mine).await;
    assert!(page.contains("<iframe sandbox=\"\"") && page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn what_sending_again_would_do_is_shown_before() {
    let mut world = staffed().await;
    let id = world.nagios("PROBLEM", "CRITICAL").await;
    while world.phone.ringing().is_some() {}
    let (viewer, mine) = (cookie(&world, "vic").await, cookie(&world, "rae").await);
    let again = format!("/mails/{id}/again");
    assert_eq!(get(&world, &again, &viewer).await.0, 403);
    let before = seen(&world).await;
    let (_, page) = get(&world, &again, &mine).await;
    assert!(page.contains("The mail has said so already") && page.contains("nagios/service"), "{page}");
    assert_eq!(seen(&world).await, before, "looking does nothing");
    assert_eq!(get(&world, "/mails/x/again", &mine).await.0, 404);
    let sent = ask(&world, Method::POST, &format!("/mails/{id}/judge"), Some(&mine), &[]).await;
    assert_eq!(location(&sent), format!("/mails/{id}"));
}

#[tokio::test]
async fn what_is_kept_aside_is_released_by_those_who_may() {
    let people = "[users.rae]\ncontacts = [\"voice:+15005550022\"]\n[users.ada]\nrole = \"admin\"\ncontacts = [\"voice:+15005550023\"]\n";
    let strict = STANDARD.replace(
        "addresses = [\"db\"]",
        "addresses = [\"db\"]\nsenders = { trigger = [{ networks = [\"192.0.2.0/24\"] }] }",
    );
    let mut world = World::new(&format!("{people}{strict}")).await;
    let id = world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(world.incident_count().await, 0);
    let (rae, ada) = (cookie(&world, "rae").await, cookie(&world, "ada").await);
    let (_, page) = get(&world, "/mails?view=quarantined", &rae).await;
    assert!(page.contains("Kept aside <span class=\"number\">1</span>") && page.contains(&id), "{page}");
    let again = format!("/mails/{id}/again?release=1");
    for (who, shown) in [(&rae, "It would be kept aside"), (&ada, "It would open an incident")] {
        let (_, page) = get(&world, &again, who).await;
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(world.incident_count().await, 0, "looking releases nothing");
    let release = format!("/mails/{id}/release");
    assert_eq!(ask(&world, Method::POST, &release, Some(&rae), &[]).await.status().as_u16(), 403);
    assert_eq!(ask(&world, Method::POST, &release, Some(&ada), &[]).await.status().as_u16(), 303);
    world.settle().await;
    world.expect_status(1, Status::Triggered).await;
    while world.phone.ringing().is_some() {}
    let (_, page) = get(&world, "/mails?view=quarantined", &rae).await;
    assert!(page.contains("Kept aside <span class=\"number\">0</span>"), "{page}");
}
