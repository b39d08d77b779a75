//! What the command line says of a calendar that the gateway fetches.

use std::path::Path;
use std::process::Command;

use nightcall::domain::calendar::Url;
use nightcall::store::Store;
use nightcall::store::calendar::StoredCalendar;
use serde_json::Value;

use super::{NOW, at, calendar};
use crate::world::{World, sqlite_url};

const URL: &str = "http://127.0.0.1:9/private-abc/basic.ics";

/// Runs a command on a configuration whose schedule is elsewhere: its exit code and what it prints.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let config = folder.join("nightcall.toml");
    let text = format!(
        r#"fallback = "ann"
database = {{ url = "{}" }}
users = {{ ann = {{ contacts = ["console"] }}, bob = {{ contacts = ["console"] }} }}
schedules = {{ primary = {{ calendar = "{URL}" }} }}
policies = {{ p = {{ steps = [{{ targets = ["schedule:primary"] }}] }} }}
services = {{ s = {{ addresses = ["*"], policy = "p" }} }}
"#,
        sqlite_url(folder)
    );
    std::fs::write(&config, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_nightcall")).args(arguments).arg("--config").arg(&config).output();
    let output = output.expect("it runs");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&printed).into_owned())
}

#[test]
fn a_check_says_that_it_does_not_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, printed) = run(folder.path(), &["check"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("schedule primary: a calendar at 127.0.0.1:9, which only the running gateway reads"));
    assert!(!printed.contains("nobody"), "nothing is known of it: {printed}");
    assert!(!printed.contains("private-abc"), "{printed}");
}

#[tokio::test]
async fn who_is_on_call_is_what_the_gateway_has_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = ["oncall", "now", "--json"];
    let on_call = |printed: &str| -> Value { serde_json::from_str(printed).expect("JSON") };
    let before = on_call(&run(folder.path(), &now).1);
    assert_eq!(before["schedules"][0]["on_call"], serde_json::json!([]));
    assert!(before["unread"].as_str().is_some_and(|why| why.contains("calendars that the gateway fetches")));
    let store = Store::open(&sqlite_url(folder.path())).await.expect("it opens");
    // Whatever day it is when this runs.
    let text = calendar(&["SUMMARY:bob\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY"]);
    let stored = StoredCalendar { url: Url::new(URL), text, etag: None, fetched_at: at(NOW), problem: None };
    store.keep_calendar(&stored).await.expect("stored");
    store.close().await;
    let after = on_call(&run(folder.path(), &now).1);
    assert_eq!(after["schedules"][0]["on_call"][0]["user"], "bob", "{after}");
    assert_eq!(after["unread"], Value::Null);
    let (code, printed) = run(folder.path(), &["oncall", "show"]);
    assert!(code == Some(0) && printed.contains("bob"), "{printed}");
}

#[tokio::test]
async fn who_is_called_in_is_whom_the_fetched_calendar_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::build(crate::world::STANDARD, "", Some(&sqlite_url(folder.path()))).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let text = calendar(&["SUMMARY:cid\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY"]);
    let stored = StoredCalendar { url: Url::new(URL), text, etag: None, fetched_at: at(NOW), problem: None };
    world.running.engine.store().keep_calendar(&stored).await.expect("stored");
    let config = folder.path().join("nightcall.toml");
    let url = sqlite_url(folder.path());
    let text = format!(
        r#"fallback = "ann"
database = {{ url = "{url}" }}
users = {{ ann = {{ contacts = ["console"] }}, cid = {{ contacts = ["console"] }} }}
schedules = {{ primary = {{ calendar = "{URL}" }} }}
policies = {{ default = {{ steps = [{{ targets = ["ann"] }}, {{ targets = ["schedule:primary"] }}] }} }}
services = {{ db = {{ addresses = ["*"], policy = "default" }} }}
"#
    );
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightcall"));
    let output = command
        .args(["incident", "add-responder", "1", "schedule:primary", "--config"])
        .arg(&config)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sent = world.running.engine.store().notifications(1).await.expect("readable");
    let users: Vec<&str> = sent.iter().map(|notification| notification.user.as_str()).collect();
    assert_eq!(users, ["ann", "cid"]);
}
