//! Floods of connections, guesses and mails, a full disk, and mail that is no alert.

use jiff::SignedDuration;
use nightcall::smtp::users::{Users, hash};

use crate::postgres;
use crate::smtp::Client;
use crate::world::{STANDARD, World};

const PROBLEM: &[u8] = b"Subject: ** PROBLEM Host Alert: h1 is DOWN **\r\n\r\nx\r\n";

async fn connected(world: &World) -> Client {
    Client::connect(world.running.smtp_address()).await.expect("SMTP accepts")
}

/// Connects as if from that address.
async fn connected_from(world: &World, address: &str) -> (Client, String) {
    let mut client = connected(world).await;
    let (family, ours) = if address.contains(':') { ("TCP6", "2001:db8:f::1") } else { ("TCP4", "192.0.2.250") };
    client.say(format!("PROXY {family} {address} {ours} 56324 25\r\n").as_bytes()).await.expect("sent");
    let greeting = client.reply().await.expect("a word");
    (client, greeting)
}

/// A number of `/metrics`.
async fn metric(world: &World, name: &str) -> i64 {
    let page = world.http().get(world.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    let line = page.lines().find(|line| line.starts_with(&format!("nightcall_{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name} in {page}"))
}

const PROXIED: &str = "[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\nproxy_protocol_from = [\"127.0.0.1\"]\n";

#[tokio::test]
async fn one_network_cannot_take_the_places_of_all() {
    let smtp = format!("connections_per_network_max = 2\nlisted = [\"192.0.2.0/24\"]\n{PROXIED}");
    let world = World::build(STANDARD, &smtp, None).await;
    let mut held = Vec::new();
    for (address, code) in [
        ("203.0.113.1", "220"),
        ("203.0.113.2", "220"),
        ("203.0.113.3", "421"),
        ("203.0.114.3", "220"),
        ("2001:db8::1", "220"),
        ("2001:db8::2", "220"),
        ("2001:db8::ffff:3", "421"),
        ("2001:db8:0:1::3", "220"),
        ("192.0.2.1", "220"),
        ("192.0.2.2", "220"),
        ("192.0.2.3", "220"),
    ] {
        let (client, greeting) = connected_from(&world, address).await;
        assert!(greeting.starts_with(code), "{address}: {greeting}");
        held.push((client, address));
    }
    held.retain(|(_, address)| *address != "203.0.113.1");
    // The server sees the end of a connection a moment after it.
    for _ in 0..1000 {
        if metric(&world, "smtp_connections_open").await <= 8 {
            break;
        }
    }
    assert!(connected_from(&world, "203.0.113.4").await.1.starts_with("220"), "a place that is free is given again");
}

#[tokio::test]
async fn a_place_is_kept_for_who_is_listed() {
    let smtp = format!("connections_max = 2\nlisted = [\"192.0.2.0/24\"]\n{PROXIED}");
    let world = World::build(STANDARD, &smtp, None).await;
    let (_one, greeting) = connected_from(&world, "203.0.113.1").await;
    assert!(greeting.starts_with("220"), "{greeting}");
    assert!(connected_from(&world, "198.51.100.1").await.1.starts_with("421 4.7.0"));
    // The server counts the one that it sent away until that has gone.
    for _ in 0..1000 {
        if metric(&world, "smtp_connections_open").await == 1 {
            break;
        }
    }
    let (_listed, greeting) = connected_from(&world, "192.0.2.1").await;
    assert!(greeting.starts_with("220"), "{greeting}");
    assert_eq!(metric(&world, "smtp_connections_refused_total").await, 1);
}

/// "\0ups\0…" in Base64.
const WRONG: &str = "AUTH PLAIN AHVwcwB3cm9uZw==";
const RIGHT: &str = "AUTH PLAIN AHVwcwBzZWNyZXQ=";

async fn logged_in(world: &World, command: &str) -> String {
    let mut client = connected(world).await;
    client.reply().await.expect("a greeting");
    client.command(command).await.expect("an answer")
}

fn with_users() -> String {
    format!("auth_plain_from = [\"127.0.0.1\"]\n[smtp.users]\nups = {:?}\n", hash(b"secret").expect("hashed"))
}

#[tokio::test]
async fn guesses_count_across_connections_and_harm_nobody_who_is_known() {
    let world = World::build(STANDARD, &with_users(), None).await;
    for _ in 0..10 {
        assert!(logged_in(&world, WRONG).await.starts_with("535 5.7.8"));
    }
    assert!(logged_in(&world, WRONG).await.starts_with("454 4.7.0"));
    assert!(logged_in(&world, RIGHT).await.starts_with("454 4.7.0"), "it was never right before");
    world.clock.advance(SignedDuration::from_mins(10));
    assert!(logged_in(&world, RIGHT).await.starts_with("235"));
    for _ in 0..10 {
        assert!(logged_in(&world, WRONG).await.starts_with("535 5.7.8"));
    }
    assert!(logged_in(&world, WRONG).await.starts_with("454 4.7.0"));
    assert!(logged_in(&world, RIGHT).await.starts_with("235"), "it is known to be right");
    assert_eq!(metric(&world, "smtp_auth_put_off_total").await, 4);
}

#[tokio::test]
async fn passwords_change_without_a_restart() {
    let world = World::build(STANDARD, &with_users(), None).await;
    assert!(logged_in(&world, RIGHT).await.starts_with("235"));
    world.running.reload_users(&Users::new([("ups".to_owned(), hash(b"wrong").expect("hashed"))].into()));
    assert!(logged_in(&world, RIGHT).await.starts_with("535"), "it was right before");
    assert!(logged_in(&world, WRONG).await.starts_with("235"));
    world.running.reload_users(&Users::default());
    assert!(logged_in(&world, WRONG).await.starts_with("535"));
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_puts_mail_off() {
    let world = World::build(STANDARD, "free_bytes_min = 1125899906842624", None).await;
    let mut client = connected(&world).await;
    client.reply().await.expect("a greeting");
    let reply = client.command("MAIL FROM:<a@b>").await.expect("an answer");
    assert_eq!(reply, "452 4.3.1 no room for more mail now, try again later");
    assert!(client.command("NOOP").await.expect("an answer").starts_with("250"));
    let (status, ready) = world.get("/readyz").await;
    assert!(status == 200 && ready["disk"]["low"] == true, "{ready}");
    assert_eq!((metric(&world, "smtp_disk_low_total").await, metric(&world, "disk_low").await), (1, 1));
}

#[tokio::test]
async fn a_mail_does_not_come_in_for_ever() {
    let world = World::build(STANDARD, "mail_timeout = \"300ms\"", None).await;
    let mut client = connected(&world).await;
    client.reply().await.expect("a greeting");
    for command in ["MAIL FROM:<a@b>", "RCPT TO:<db@alerts.example.com>", "DATA"] {
        client.command(command).await.expect("an answer");
    }
    while client.say(b"a line of text\r\n").await.is_ok() {
        tokio::task::yield_now().await;
        if let Ok(reply) = tokio::time::timeout(std::time::Duration::from_millis(50), client.reply()).await {
            assert!(reply.is_none_or(|reply| reply == "421 4.4.2 timed out"));
            break;
        }
    }
    assert_eq!(world.incident_count().await, 0);
}

#[tokio::test]
async fn one_clients_flood_under_many_names_is_one_storm() {
    a_flood_under_many_names(None).await;
}

#[tokio::test]
async fn one_clients_flood_is_one_storm_on_postgresql() {
    if let Some(database) = postgres::database().await {
        a_flood_under_many_names(Some(&database)).await;
    }
}

async fn a_flood_under_many_names(database: Option<&str>) {
    let definitions = STANDARD.replacen(
        "policy = \"default\"",
        "policy = \"default\"\nclient_storm = { opens = 5, within = \"10m\" }\nsender_storm = { opens = 5, within = \"10m\" }",
        1,
    );
    let mut world = World::build(&definitions, "", database).await;
    for n in 0..12 {
        let raw = format!("From: u{n}@ups.example\r\nSubject: ** PROBLEM Host Alert: u{n} is DOWN **\r\n\r\nx\r\n");
        let reply = world.deliver("x@ups.example", &["db@alerts.example.com"], raw.as_bytes()).await;
        assert!(reply.starts_with("250"), "every one is taken and acts: {reply}");
        if n == 4 {
            world.clock.advance(SignedDuration::from_secs(1));
        }
    }
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    // Five that came before it was a storm, and the storm.
    assert!(heard.sentences[2].starts_with("6 incidents."), "{:?}", heard.sentences);
    world.phone.press(&call, &heard, "4").await.expect("an end");
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.advance_minutes(1).await;
    world.expect_silence();
    let held = world.incident(13).await.held.expect("it waits");
    assert!(held.contains("storm: more than 5 incidents of db handed in by 127.0.0.1 within 10m"), "{held}");
}

/// A delivery report to the null sender, quoting a problem in its subject.
const BOUNCE: &str = "From: Mail <bounce@relay.example>\r\nSubject: ** PROBLEM Host Alert: h1 is DOWN **\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nnot delivered\r\n--b--\r\n";

#[tokio::test]
async fn bounces_and_loops_are_filed_and_seen() {
    let packs = "policy = \"default\"\npacks = [\"nagios\"]";
    let wanted = "policy = \"default\"\n[[services.web.before]]\nname = \"bounce\"\naction = \"trigger\"\n\
        dedup_key = \"bounce\"\nsummary = \"{subject}\"\n[services.web.before.when]\n\
        header.Content-Type = 'delivery-status'\nsubject = '(?<subject>.*)'";
    let definitions = STANDARD.replacen("policy = \"default\"", packs, 1);
    let (before, after) = definitions.rsplit_once("policy = \"default\"").expect("the second service");
    let mut world = World::new(&format!("{before}{wanted}{after}")).await;
    let looping = format!("{}{}", "Received: from a by b\r\n".repeat(51), String::from_utf8_lossy(PROBLEM));
    for (raw, rule) in [(BOUNCE, "automatic-reply"), (&looping, "mail-loop")] {
        let reply = world.deliver("", &["db@alerts.example.com"], raw.as_bytes()).await;
        let id = reply.rsplit(' ').next().expect("an id");
        assert!(reply.starts_with("250 2.0.0 accepted"), "it is stored: {reply}");
        let (_, mail) = world.get(&format!("/api/v1/mails/{id}")).await;
        assert_eq!(
            (&mail["alerts"][0]["action"], &mail["alerts"][0]["rule"]),
            (&"ignore".into(), &rule.into()),
            "{mail}"
        );
        let line = mail["trace"][0]["trace"].as_array().expect("a trace").last().expect("a line").clone();
        assert_eq!(line["rule"], rule, "{line}");
    }
    for rule in ["automatic-reply", "mail-loop"] {
        assert_eq!(metric(&world, &format!("alerts_set_aside{{rule=\"{rule}\"}}")).await, 1);
    }
    assert_eq!(world.incident_count().await, 0);
    // A monitor that forwards one names itself as the sender, and a service may want bounces.
    assert!(world.deliver("mon@x.example", &["db@alerts.example.com"], BOUNCE.as_bytes()).await.starts_with("250"));
    assert!(world.deliver("", &["web@alerts.example.com"], BOUNCE.as_bytes()).await.starts_with("250"));
    world.settle().await;
    assert_eq!(world.incident_count().await, 2);
    world.expect_call("ann");
}
