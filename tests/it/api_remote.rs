//! Commands that speak to a running gateway print what they print on its database.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::free_address;

const BINARY: &str = env!("CARGO_BIN_EXE_nightcall");

const CONFIGURATION: &str = r#"
fallback = "ann"
[smtp]
hostname = "mx.test"
domains = ["alerts.example.com"]
[users]
ann = { contacts = ["console"] }
bob = { contacts = ["console"] }
[schedules.primary]
zone = "Europe/Berlin"
layers = [{ name = "weekly", starts = "2026-11-02T00:00", every = "1 week", turns = ["ann", "bob"] }]
[policies.default]
steps = [{ delay = "5m", targets = ["schedule:primary"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;

/// A gateway, and commands on its database and by its API.
struct Site {
    gateway: Gateway,
    token: String,
    config: PathBuf,
    _folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("nightcall.toml");
        std::fs::write(&config, CONFIGURATION).expect("written");
        let gateway = Gateway::start(Command::new(BINARY), &config);
        let mut site = Self { gateway, token: String::new(), config, _folder: folder };
        let made = site.here(&["token", "create", "--name", "shell", "--scope", "admin"]).await;
        site.token = made.expect("it is made").trim().to_owned();
        site
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.http)
    }

    /// A mail that opens an incident; its id.
    async fn mail(&self) -> String {
        let mut client = Client::connect(self.gateway.smtp).await.expect("SMTP accepts");
        client.reply().await;
        let raw = b"Subject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n";
        let reply = client.deliver("a@b", &["db@alerts.example.com"], raw).await.expect("an answer");
        assert!(reply.starts_with("250"), "{reply}");
        reply.rsplit(' ').next().expect("an id").to_owned()
    }

    fn run(&self, arguments: &[&str], token: Option<&str>) -> Output {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_remove("NIGHTCALL_URL").env_remove("NIGHTCALL_TOKEN").env("NO_COLOR", "1");
        if let Some(token) = token {
            command.env("NIGHTCALL_TOKEN", token);
        }
        command.output().expect("it starts")
    }

    /// By the API.
    async fn there(&self, arguments: &[&str]) -> Result<String, String> {
        let url = self.url();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--url", &url]).collect();
        // The gateway answers on this runtime.
        let output = tokio::task::block_in_place(|| self.run(&arguments, Some(&self.token)));
        said(&output)
    }

    /// On the database.
    async fn here(&self, arguments: &[&str]) -> Result<String, String> {
        let config = self.config.to_str().expect("UTF-8");
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--config", config]).collect();
        said(&tokio::task::block_in_place(|| self.run(&arguments, None)))
    }

    async fn same(&self, arguments: &[&str]) -> String {
        let (here, there) = (self.here(arguments).await, self.there(arguments).await);
        assert_eq!(here, there, "{arguments:?}");
        here.unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }
}

fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_print_the_same_here_and_there() {
    let site = Site::new().await;
    let mail = site.mail().await;
    // Once somebody has it, nothing but what is asked for here changes it.
    assert!(site.there(&["incident", "ack", "1"]).await.expect("it is done").contains("acknowledged: by token shell"));
    for arguments in [
        &["incident", "list"][..],
        &["incident", "list", "--json", "--limit", "600"],
        &["incident", "list", "--service", "none"],
        &["incident", "show", "1"],
        &["incident", "show", "1", "--json"],
        &["mail", "show", &mail],
        &["mail", "show", &mail, "--json"],
        &["mail", "raw", &mail],
        &["mail", "quarantined"],
        &["mail", "senders"],
        &["silence", "list"],
        &["override", "list", "--json"],
        &["oncall", "now", "--at", "2026-11-25 12:00"],
        &["oncall", "now", "--at", "2026-11-25 12:00", "--json"],
        &["oncall", "show", "--from", "2026-11-25 12:00", "--days", "3", "--width", "100"],
    ] {
        site.same(arguments).await;
    }
    site.there(&["incident", "note", "1", "a loose cable"]).await.expect("it is done");
    assert!(site.same(&["incident", "show", "1"]).await.contains("a loose cable"));
    let made = ["silence", "add", "--service", "db", "--for", "2h", "--reason", "swapping disks"];
    let made = site.there(&made).await.expect("it is made");
    let id = made.split(' ').next().expect("an id").to_owned();
    assert!(made.contains("by token shell") && site.same(&["silence", "list"]).await.contains(&id), "{made}");
    assert!(site.there(&["silence", "end", &id[..6]]).await.expect("it ends").starts_with("ended silence"));
    for (arguments, why) in [
        (&["incident", "show", "7"][..], "there is no incident #7"),
        (&["incident", "reassign", "1", "eve"], "there is no user \"eve\""),
        (&["mail", "show", "x"], "there is no mail \"x\""),
        (&["oncall", "show", "--schedule", "none"], "there is no schedule \"none\"; known are primary"),
    ] {
        for place in [site.here(arguments).await, site.there(arguments).await] {
            let refused = place.expect_err("it is refused");
            assert!(refused.contains(why), "{arguments:?}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_plainly() {
    let site = Site::new().await;
    let url = site.url();
    let by = |token: Option<&str>, url: &str| {
        let output = tokio::task::block_in_place(|| site.run(&["incident", "list", "--url", url], token));
        said(&output).expect_err("it is refused")
    };
    assert!(by(None, &url).contains("NIGHTCALL_TOKEN"));
    assert!(by(Some("nct_wrong"), &url).contains("not known here"));
    assert!(by(Some("x"), "ftp://a.example").contains("write it like https://"));
    let nobody = format!("http://{}", free_address());
    assert!(by(Some("x"), &nobody).contains("cannot reach the gateway"));
    let both = ["incident", "list", "--url", &url, "--config", "x.toml"];
    let both = said(&tokio::task::block_in_place(|| site.run(&both, None))).expect_err("it is refused");
    assert!(both.contains("cannot be used with"), "{both}");
}
