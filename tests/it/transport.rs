//! How mail comes in: several listeners, TLS, passwords, proxies.

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
