//! The dead man's switch of the real program: called while a mail gets through to its page, and only then.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tokio::sync::Notify;

use crate::cli::Gateway;

const BINARY: &str = env!("CARGO_BIN_EXE_nightcall");

#[tokio::test]
async fn the_switch_is_called_when_a_mail_has_gone_all_the_way() {
    let called = Arc::new(Notify::new());
    let router = {
        let called = Arc::clone(&called);
        Router::new().route("/ping/secret", get(move || async move { called.notify_one() }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let ping = format!("http://{}/ping/secret", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let text = format!(
        "fallback = \"ann\"\n[dead_man]\nping = \"{ping}\"\nevery = \"1s\"\n[users.ann]\ncontacts = [\"console\"]\n\
         [policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"ann\"] }}]\n[services.db]\naddresses = [\"db\"]\n\
         policy = \"default\"\n"
    );
    std::fs::write(&config, text).expect("written");
    let gateway = Gateway::start(Command::new(BINARY), &config);
    for _ in 0..2 {
        let waiting = tokio::time::timeout(Duration::from_secs(60), called.notified());
        assert!(waiting.await.is_ok(), "not called: {}", gateway.log());
    }
    let metrics = gateway.get("/metrics").await;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).expect("a series");
        line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")
    };
    assert!(value("nightcall_probe_arrived_total") >= 2.0 && value("nightcall_probe_pings_total") >= 1.0);
    assert!((0.0001..20.0).contains(&value("nightcall_probe_page_seconds")));
    assert_eq!(value("nightcall_incidents{status=\"resolved\"}"), 0.0, "probes are no incidents to people");
    // The next real incident has the first number.
    let mut client = crate::smtp::Client::connect(gateway.smtp).await.expect("it listens");
    client.reply().await.expect("a greeting");
    client.command("EHLO mon").await.expect("an answer");
    let reply = client.deliver("mon@example.com", &["db@localhost"], b"Subject: disk is full\r\n\r\nx\r\n").await;
    assert!(reply.as_deref().is_some_and(|reply| reply.starts_with("250")), "{reply:?}");
    let listed = Command::new(BINARY).args(["incident", "list", "--json", "--config"]).arg(&config).output();
    let listed: Value = serde_json::from_slice(&listed.expect("it runs").stdout).expect("JSON");
    let numbers: Vec<&Value> = listed["incidents"].as_array().expect("a list").iter().map(|i| &i["number"]).collect();
    assert_eq!(numbers, [1]);
    assert!(!gateway.log().contains("ping/secret"), "the address is a secret");
}
