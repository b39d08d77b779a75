//! How mail comes in: several listeners, TLS, passwords, proxies.

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::certificates::{Authority, SERVER};
use crate::smtp::Client;
use crate::world::{STANDARD, World};

const PROBLEM: &[u8] = b"Subject: ** PROBLEM Host Alert: h1 is DOWN **\r\n\r\nx\r\n";

async fn greeted(world: &World, listener: usize) -> Client {
    let mut client = Client::connect(world.running.smtp_addresses[listener]).await.expect("SMTP accepts");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
    client
}

#[tokio::test]
async fn several_listeners_are_one_door() {
    let listeners = r#"connections_max = 2
[[smtp.listeners]]
listen = "127.0.0.1:0"
[[smtp.listeners]]
listen = "127.0.0.1:0""#;
    let world = World::build(STANDARD, listeners, None).await;
    assert_eq!(world.running.smtp_addresses.len(), 2);
    let both = [greeted(&world, 0).await, greeted(&world, 1).await];
    let mut third = Client::connect(world.running.smtp_address()).await.expect("it connects");
    assert!(third.line().await.expect("a refusal").starts_with("421 4.7.0"), "they share the permits");
    for mut client in both {
        let reply = client.deliver("mon@example.com", &["db@alerts.example.com"], PROBLEM).await.expect("an answer");
        assert!(reply.starts_with("250 2.0.0 accepted"), "{reply}");
    }
    assert_eq!(world.incident_count().await, 1, "both mails are about one thing");
}

/// Two listeners with TLS: one that offers it, one that starts with it.
fn both_ways(client_certificates: &str) -> String {
    format!(
        "handshake_timeout = \"1s\"\n{}[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\n\
         client_certificates = \"optional\"\n[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
         client_certificates = {client_certificates:?}\n",
        SERVER.section()
    )
}

async fn deliver(client: &mut Client) -> String {
    client.deliver("mon@example.com", &["db@alerts.example.com"], PROBLEM).await.expect("an answer")
}

/// A number of `/metrics`.
async fn metric(world: &World, name: &str) -> i64 {
    let page = world.http().get(world.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    let line = page.lines().find(|line| line.starts_with(&format!("nightcall_{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name} in {page}"))
}

#[tokio::test]
async fn a_handshake_that_fails_costs_nobody_else_anything() {
    let world = World::build(STANDARD, &both_ways("none"), None).await;
    let implicit = world.running.smtp_addresses[1];
    let mut silent = Client::connect(implicit).await.expect("it connects");
    for garbage in [&b"EHLO mon01\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 600], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(implicit).await.expect("it connects");
        client.say(garbage).await.expect("sent");
        for line in client.finish().await {
            assert!(!line.contains("220"), "{line}: nobody is greeted in plaintext");
        }
    }
    let mut client = greeted(&world, 0).await;
    assert_eq!(client.command("STARTTLS").await.as_deref(), Some("220 2.0.0 ready for TLS"));
    client.say(b"MAIL FROM:<evil@example.net>\r\n").await.expect("sent");
    assert!(client.finish().await.iter().all(|line| !line.starts_with("250")), "there is no way back to plaintext");

    let mut client = Client::connect_tls(implicit, &SERVER.client(None)).await.expect("the handshake succeeds");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"));
    assert_eq!(silent.line().await, None, "who never shakes hands is sent away");
    assert_eq!(metric(&world, "smtp_tls_handshakes_failed_total").await, 6);
    assert_eq!(metric(&world, "smtp_tls_handshakes_total").await, 1);
}

#[tokio::test]
async fn a_mail_cut_short_inside_tls_is_not_stored() {
    let world = World::build(STANDARD, &both_ways("none"), None).await;
    let implicit = world.running.smtp_addresses[1];
    let mut client = Client::connect_tls(implicit, &SERVER.client(None)).await.expect("the handshake succeeds");
    client.reply().await.expect("a greeting");
    for line in ["MAIL FROM:<mon@example.com>", "RCPT TO:<db@alerts.example.com>", "DATA"] {
        client.command(line).await.expect("an answer");
    }
    client.say(PROBLEM).await.expect("sent");
    drop(client);
    greeted(&world, 0).await.command("QUIT").await.expect("the next client is served");
    assert_eq!(world.incident_count().await, 0);
}

/// Some wait for an answer to what they have not said yet once there is anything to read.
#[tokio::test]
async fn nothing_comes_unasked_behind_a_handshake() {
    let world = World::build(STANDARD, &both_ways("none"), None).await;
    let mut client = greeted(&world, 0).await;
    client.command("STARTTLS").await.expect("an answer");
    let config = SERVER.client_of(&[&rustls::version::TLS13], None);
    let handshake = TlsConnector::from(config).connect("mx.test".try_into().expect("a name"), client.into_stream());
    let mut stream = handshake.await.expect("the handshake succeeds");
    stream.write_all(b"NOOP\r\n").await.expect("sent");
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).await.expect("an answer");
    assert_eq!(&reply, b"250 ");
    assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0, "they would have come before it");
}

/// Good ones are noted, bad ones cost nothing where they are optional and the session where they are required.
#[tokio::test]
async fn certificates_of_clients() {
    let world = World::build(STANDARD, &both_ways("required"), None).await;
    let good = SERVER.authority.sign("mon01.example.com", 2090);
    let ended = SERVER.authority.sign("mon01.example.com", 2021);
    let foreign = Authority::new("somebody else").sign("mon01.example.com", 2090);
    let shown = [
        ("none", None, None),
        ("good", Some(&good), Some("mon01.example.com")),
        ("ended", Some(&ended), None),
        ("foreign", Some(&foreign), None),
    ];
    let versions = [("TLSv1.3 TLS13_", &rustls::version::TLS13), ("TLSv1.2 TLS_", &rustls::version::TLS12)];
    for ((what, identity, names), (words, version)) in shown.into_iter().flat_map(|it| versions.map(|v| (it, v))) {
        let config = SERVER.client_of(&[version], identity);
        // Twice, since the second handshake may take up the first one's session.
        for _ in 0..2 {
            let mut client = greeted(&world, 0).await;
            client.command("STARTTLS").await.expect("an answer");
            let mut client = client.start_tls(&config).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let reply = deliver(&mut client).await;
            assert!(reply.starts_with("250 2.0.0"), "{what}: {reply}");
            let (_, known) = newest_client(&world).await;
            assert!(known["tls"].as_str().is_some_and(|tls| tls.starts_with(words)), "{known}");
            assert_eq!(known["certificate"]["names"][0].as_str(), names, "{what} {words}: {known}");

            // In TLS 1.3 the client has done its part before the server looks at its certificate.
            let greeting = match Client::connect_tls(world.running.smtp_addresses[1], &config).await {
                Ok(mut client) => client.line().await,
                Err(_) => None,
            };
            assert_eq!(greeting.is_some_and(|line| line.starts_with("220 ")), names.is_some(), "{what} {words}");
        }
    }
}

fn section(folder: &Path) -> String {
    format!(
        "[smtp.tls]\ncertificate = {:?}\nkey = {:?}\n[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\n",
        folder.join("cert.pem"),
        folder.join("key.pem")
    )
}

#[tokio::test]
async fn a_certificate_is_read_again_and_a_broken_one_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    SERVER.authority.sign("mx.test", 2080).write(folder.path());
    let world = World::build(STANDARD, &section(folder.path()), None).await;
    let trusted = async || {
        let connected = Client::connect_tls(world.running.smtp_address(), &SERVER.client(None)).await;
        connected.map(|_| ()).map_err(|error| error.to_string())
    };
    let left = metric(&world, "smtp_certificate_expires_in_seconds").await;
    assert!(left > 50 * 365 * 86_400 && left < 60 * 365 * 86_400, "{left}");
    let (_, ready) = world.get("/readyz").await;
    assert_eq!(ready["certificate"]["expires_at"], "2080-01-01T00:00:00Z", "{ready}");
    assert_eq!(trusted().await, Ok(()));

    let other = SERVER.authority.sign("other.test", 2070);
    std::fs::write(folder.path().join("cert.pem"), &other.certificate).expect("written");
    world.running.reload_certificate();
    assert_eq!(trusted().await, Ok(()), "certificate and key do not fit together, so the old ones stay");
    let (status, ready) = world.get("/readyz").await;
    let problem = ready["certificate"]["problem"].as_str().expect("a problem");
    assert!(status == 200 && problem.contains("cert.pem cannot be used"), "{status} {ready}");
    assert_eq!(metric(&world, "smtp_certificate_outdated").await, 1);

    std::fs::write(folder.path().join("key.pem"), &other.key).expect("written");
    world.running.reload_certificate();
    let refused = trusted().await.expect_err("it has another name now");
    assert!(refused.contains("not valid for name"), "{refused}");
    let (_, ready) = world.get("/readyz").await;
    assert_eq!(ready["certificate"]["expires_at"], "2070-01-01T00:00:00Z");
    assert_eq!(ready["certificate"]["problem"], serde_json::Value::Null);
}

/// The client of the newest mail, as the API shows it.
async fn newest_client(world: &World) -> (String, serde_json::Value) {
    let (_, mails) = world.get("/api/v1/mails?limit=1").await;
    let id = mails["mails"][0]["id"].as_str().unwrap_or_else(|| panic!("{mails}"));
    let (_, mail) = world.get(&format!("/api/v1/mails/{id}")).await;
    (mail["peer"].as_str().expect("an address").to_owned(), mail["client"].clone())
}

const PROXIES: &str = r#"handshake_timeout = "500ms"
connections_per_address_max = 1
[[smtp.listeners]]
listen = "127.0.0.1:0"
proxy_protocol_from = ["127.0.0.1/32"]
[[smtp.listeners]]
listen = "127.0.0.1:0"
proxy_protocol_from = ["192.0.2.0/24"]"#;

#[tokio::test]
async fn a_listed_proxy_says_for_whom_it_speaks() {
    let world = World::build(STANDARD, PROXIES, None).await;
    let connect = async || Client::connect(world.running.smtp_address()).await.expect("it connects");
    let v2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\xdc\x04\0\x19";
    for (header, address) in [
        (&b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 25\r\n"[..], "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n", "2001:db8::7"),
        (v2, "203.0.113.7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ] {
        let mut client = connect().await;
        // The header cut anywhere, and what stands behind it in the same segment, is the client's.
        let (first, second) = header.split_at(header.len() / 2);
        client.say(first).await.expect("sent");
        client.say(&[second, b"NOOP\r\n"].concat()).await.expect("sent");
        assert!(client.reply().await.expect("a greeting").starts_with("220 "), "{address}");
        assert_eq!(client.reply().await.as_deref(), Some("250 2.0.0 OK"), "{address}");
        assert!(deliver(&mut client).await.starts_with("250 2.0.0"), "{address}");
        assert_eq!(newest_client(&world).await.0, address);
    }

    // The permits of an address are the client's, not the proxy's.
    let mut all = Vec::new();
    for (address, welcome) in [("203.0.113.1", "220 "), ("203.0.113.2", "220 "), ("203.0.113.1", "421 4.7.0")] {
        let mut client = connect().await;
        let header = format!("PROXY TCP4 {address} 192.0.2.1 56324 25\r\n");
        client.say(header.as_bytes()).await.expect("sent");
        let greeting = client.line().await.expect("a greeting");
        assert!(greeting.starts_with(welcome), "{address}: {greeting}");
        all.push(client);
    }

    for garbage in [&b"EHLO mon01\r\n"[..], b"PROXY TCP4 nobody 192.0.2.1 1 25\r\n", b"\x16\x03\x01\0\xff", b""] {
        let mut client = connect().await;
        client.say(garbage).await.expect("sent");
        let said = client.line().await;
        assert_eq!(said.as_deref(), Some("421 4.7.0 a PROXY header must come first"), "{garbage:?}");
    }
    assert_eq!(metric(&world, "smtp_proxy_refused_total").await, 4);

    let mut client = greeted(&world, 1).await;
    let reply = client.command("PROXY TCP4 203.0.113.9 192.0.2.1 56324 25").await.expect("an answer");
    assert!(reply.starts_with("500 5.5.1"), "{reply}: nobody has listed this one");
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"));
    assert_eq!(newest_client(&world).await.0, "127.0.0.1");
}

#[tokio::test]
async fn tls_begins_right_behind_a_proxy_header() {
    let listeners = format!(
        "{}[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\nproxy_protocol_from = [\"127.0.0.1\"]\n",
        SERVER.section()
    );
    let world = World::build(STANDARD, &listeners, None).await;
    let mut client = Client::connect(world.running.smtp_address()).await.expect("it connects");
    client.say(b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 465\r\n").await.expect("sent");
    let mut client = client.start_tls(&SERVER.client(None)).await.expect("the handshake succeeds");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"));
    let (peer, client) = newest_client(&world).await;
    assert!(peer == "203.0.113.9" && client["tls"].is_string(), "{peer} {client}");
}

#[tokio::test]
async fn a_password_is_kept_with_the_mail_and_counted() {
    let smtp = format!(
        "auth_plain_from = [\"127.0.0.1\"]\n[smtp.users]\nups = {:?}\n",
        nightcall::smtp::users::hash(b"secret").expect("hashed")
    );
    let world = World::build(STANDARD, &smtp, None).await;
    let mut client = greeted(&world, 0).await;
    // "\0ups\0wrong", then "\0ups\0secret".
    assert!(client.command("AUTH PLAIN AHVwcwB3cm9uZw==").await.expect("an answer").starts_with("535 5.7.8"));
    assert!(client.command("AUTH PLAIN AHVwcwBzZWNyZXQ=").await.expect("an answer").starts_with("235 2.7.0"));
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"));
    assert_eq!(newest_client(&world).await.1, serde_json::json!({ "user": "ups" }));
    assert_eq!(metric(&world, "smtp_auth_failed_total").await, 1);
    assert_eq!(metric(&world, "smtp_auth_succeeded_total").await, 1);
}
