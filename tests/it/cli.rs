//! The program as people start it: fixed shapes that others script against, and every error read aloud.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::smtp::Client;

const BINARY: &str = env!("CARGO_BIN_EXE_nightcall");

/// A program that is killed with the test that started it.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) smtp: std::net::SocketAddr,
    /// All of them, the first one included.
    pub(crate) listeners: Vec<std::net::SocketAddr>,
    pub(crate) http: std::net::SocketAddr,
    log: PathBuf,
}

impl Gateway {
    /// What a page says.
    pub(crate) async fn get(&self, path: &str) -> String {
        let client = nightcall::notify::http_client().expect("a client");
        let answer = client.get(format!("http://{}{path}", self.http)).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    /// Starts `serve` by `command` and waits until it says that it is ready.
    pub(crate) fn start(mut command: Command, config: &Path) -> Self {
        let log = config.with_extension("log");
        let file = std::fs::File::create(&log).expect("a log file");
        let child = command
            .args(["serve", "--config"])
            .arg(config)
            .env("NIGHTCALL_SMTP_LISTEN", "127.0.0.1:0")
            .env("NIGHTCALL_HTTP_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("it starts");
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gateway = Self { child, smtp: nowhere, listeners: Vec::new(), http: nowhere, log };
        gateway.wait_until_ready();
        gateway
    }

    /// Waits for the line that says where it listens.
    fn wait_until_ready(&mut self) {
        for _ in 0..1000 {
            let log = self.log();
            if let Some((_, told)) = log.split_once("is ready: SMTP on ")
                && let Some((smtp, rest)) = told.split_once(", HTTP on ")
                && let Some((http, _)) = rest.split_once('\n')
            {
                self.listeners = smtp.split(" and ").map(|address| address.parse().expect("an address")).collect();
                self.smtp = self.listeners[0];
                self.http = http.trim().parse().expect("an address");
                return;
            }
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                panic!("it ended with {status}: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not ready within 10 s: {}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The programs that the one we started has started: the gateway below strace.
    pub(crate) fn below(&self) -> Vec<String> {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        std::fs::read_to_string(children).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs").success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // First what strace runs: it would outlive it.
        for pid in self.below() {
            let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    for name in ["NIGHTCALL_SMTP_LISTEN", "NIGHTCALL_HTTP_LISTEN", "NIGHTCALL_DATABASE_URL", "NIGHTCALL_LOG"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).output().expect("it starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must fail and returns what it says.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    assert!(output.stdout.is_empty(), "{arguments:?} prints nothing else: {}", stdout(&output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn initialised() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("gw");
    let output = run(&["init", directory.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{output:?}");
    let config = directory.join("nightcall.toml").to_str().expect("UTF-8").to_owned();
    (folder, config)
}

#[test]
fn init_writes_what_check_likes() {
    let (_folder, config) = initialised();
    let output = run(&["check", "--config", &config]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout(&output).contains("service default"), "{}", stdout(&output));
    assert!(Path::new(&config).with_file_name("rules").is_dir());
    let directory = Path::new(&config).parent().expect("a folder").to_str().expect("UTF-8");
    assert!(refused(&["init", directory]).contains("exists already"));
}

#[test]
fn the_rules_readme_tells_the_truth() {
    let (_folder, config) = initialised();
    let rules = Path::new(&config).with_file_name("rules");
    let readme = std::fs::read_to_string(rules.join("README.md")).expect("the readme");
    let pack = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    std::fs::write(rules.join("backup.toml"), pack).expect("written");
    std::fs::create_dir(rules.join("mails")).expect("made");
    std::fs::write(rules.join("mails/backup-failed.eml"), "Subject: Backup of db01 failed\n\nno space\n")
        .expect("written");
    let output = run(&["rules", "test", rules.to_str().expect("UTF-8")]);
    assert_eq!(stdout(&output).trim(), "1 passed, 0 failed", "{}", String::from_utf8_lossy(&output.stderr));
    let mail = rules.join("mails/backup-failed.eml");
    let output = run(&["rules", "explain", "--json", "--config", &config, mail.to_str().expect("UTF-8")]);
    let explained: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(explained["alerts"][0]["dedup_key"], "backup/db01");
}

#[tokio::test]
async fn serve_answers_and_stops_on_a_signal() {
    let (_folder, config) = initialised();
    let mut gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    assert_eq!(gateway.log().lines().filter(|line| line.contains("ready")).count(), 1, "{}", gateway.log());
    let client = nightcall::notify::http_client().expect("a client");
    let health = client.get(format!("http://{}/healthz", gateway.http)).send().await.expect("an answer");
    assert_eq!(health.status().as_u16(), 200);

    let output = run(&["token", "create", "--config", &config, "--name", "test"]);
    let token = stdout(&output).trim_end().to_owned();
    assert!(token.starts_with("nct_") && token.lines().count() == 1, "the bare token: {token:?}");
    assert!(refused(&["token", "create", "--config", &config, "--name", "test"]).contains("already"));

    let mut smtp = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    smtp.reply().await;
    let raw = std::fs::read(format!("{}/tests/mails/nagios/nagios-host-down.eml", env!("CARGO_MANIFEST_DIR")))
        .expect("a sample");
    let reply = smtp.deliver("a@b", &["anything+x@LOCALHOST"], &raw).await.expect("an answer");
    assert!(reply.starts_with("250"), "{reply}");
    let refused_reply = smtp.deliver("a@b", &["x@elsewhere.example"], &raw).await.expect("an answer");
    assert!(refused_reply.starts_with("550 5.7.1"), "{refused_reply}");

    let listed = client.get(format!("http://{}/api/v1/incidents", gateway.http)).bearer_auth(&token);
    let listed: Value = listed.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(listed["incidents"][0]["dedup_key"], "nagios/host/db-primary-01");

    let output = run(&["incident", "ack", "1", "--config", &config, "--json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&shown["status"], &shown["acknowledged_by"]), (&"acknowledged".into(), &"command line".into()));
    let output = run(&["incident", "list", "--config", &config]);
    assert!(
        stdout(&output).contains("#1") && stdout(&output).contains("Host db-primary-01 is DOWN"),
        "{}",
        stdout(&output)
    );
    assert!(run(&["incident", "resolve", "1", "--config", &config]).status.success());
    assert!(stdout(&run(&["incident", "show", "1", "--config", &config])).contains("resolved"));
    assert!(stdout(&run(&["incident", "list", "--config", &config])).contains("no such incidents"));
    assert!(refused(&["incident", "show", "7", "--config", &config]).contains("there is no incident #7"));
    assert!(refused(&["incident", "ack", "1", "--config", &config]).contains("resolved already"));
    assert!(refused(&["incident", "list", "--status", "open", "--config", &config]).contains("unknown status"));

    gateway.signal("TERM");
    assert_eq!(smtp.line().await.as_deref(), Some("421 4.3.2 shutting down, try again later"));
    let status = gateway.child.wait().expect("it ends");
    assert!(status.success(), "{status}: {}", gateway.log());
}

/// A client between DATA and the final dot.
async fn in_data(gateway: &Gateway) -> Client {
    let mut smtp = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    smtp.reply().await;
    for command in ["MAIL FROM:<a@b>", "RCPT TO:<x@localhost>", "DATA"] {
        smtp.command(command).await.expect("an answer");
    }
    smtp
}

#[tokio::test]
async fn a_stop_lets_a_mail_in_progress_finish() {
    let (_folder, config) = initialised();
    let mut gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    let mut smtp = in_data(&gateway).await;
    smtp.say(b"Subject: half\r\n\r\nhal").await.expect("sent");
    gateway.signal("TERM");
    for _ in 0..200 {
        if Client::connect(gateway.smtp).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    smtp.say(b"f\r\n.\r\n").await.expect("sent");
    let reply = smtp.reply().await.expect("an answer");
    assert!(reply.starts_with("250 2.0.0 accepted"), "{reply}");
    let status = gateway.child.wait().expect("it ends");
    assert!(status.success(), "{status}: {}", gateway.log());
}

#[tokio::test]
async fn a_client_that_never_ends_its_mail_cannot_hold_the_stop() {
    let (_folder, config) = initialised();
    let mut gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    let _smtp = in_data(&gateway).await;
    let watch = nightcall::clock::Stopwatch::start();
    gateway.signal("TERM");
    let status = tokio::task::spawn_blocking(move || gateway.child.wait()).await.expect("no panic").expect("it ends");
    assert!(status.success(), "{status}");
    assert!(watch.elapsed() < Duration::from_secs(11), "took {:?}", watch.elapsed());
}

#[tokio::test]
async fn a_hang_up_reads_definitions_again_or_keeps_the_old() {
    let (_folder, config) = initialised();
    let gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text.replace("policy = \"default\"", "policy = \"nope\"")).expect("written");
    // Nobody sends a signal: the change itself is seen.
    wait_for(&gateway, "the old ones stay in force");
    let readyz = gateway.get("/readyz").await;
    assert!(readyz.contains("\"ready\":true"), "old definitions do their work: {readyz}");
    assert!(readyz.contains("there is no policy \\\"nope\\\""), "{readyz}");
    let metrics = gateway.get("/metrics").await;
    assert!(metrics.contains("nightcall_definitions_outdated 1"), "{metrics}");
    assert!(metrics.contains("nightcall_definitions_reloads_total{result=\"failed\"} 1"), "{metrics}");
    assert!(gateway.log().contains("nightcall.toml:") && gateway.log().contains("there is no policy \"nope\""));
    let mut smtp = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    smtp.reply().await;
    let reply = smtp.deliver("a@b", &["x@localhost"], b"Subject: x\r\n\r\nx\r\n").await.expect("an answer");
    assert!(reply.starts_with("250"), "{reply}");
    std::fs::write(&config, text.replace("addresses = [\"*\"]", "addresses = [\"only\"]")).expect("written");
    gateway.signal("HUP");
    wait_for(&gateway, "were read again");
    let readyz = gateway.get("/readyz").await;
    assert!(readyz.contains("\"problem\":null"), "{readyz}");
    // Counts are made twice a second at most.
    while !gateway.get("/metrics").await.contains("nightcall_definitions_outdated 0") {
        std::thread::sleep(Duration::from_millis(50));
    }
    let reply = smtp.deliver("a@b", &["x@localhost"], b"Subject: x\r\n\r\nx\r\n").await.expect("an answer");
    assert!(reply.starts_with("550 5.1.1"), "{reply}");
}

#[tokio::test]
async fn a_hang_up_takes_over_new_passwords() {
    let (_folder, config) = initialised();
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let text = text.replace("[smtp]\n", "[smtp]\nauth_plain_from = [\"127.0.0.1\"]\n");
    let users = |password: &[u8]| {
        let hash = nightcall::smtp::users::hash(password).expect("hashed");
        std::fs::write(&config, format!("{text}\n[smtp.users]\nups = \"{hash}\"\n")).expect("written");
    };
    users(b"secret");
    let gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    let mut smtp = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    smtp.reply().await;
    // "\0ups\0wrong", which is what it will be.
    let wrong = "AUTH PLAIN AHVwcwB3cm9uZw==";
    assert!(smtp.command(wrong).await.expect("an answer").starts_with("535"));
    users(b"wrong");
    gateway.signal("HUP");
    wait_for(&gateway, "[smtp.users] were read again");
    assert!(smtp.command(wrong).await.expect("an answer").starts_with("235"));
    let reply = smtp.deliver("a@b", &["x@localhost"], b"Subject: x\r\n\r\nx\r\n").await.expect("an answer");
    let shown = run(&["mail", "show", reply.rsplit(' ').next().expect("an id"), "--config", &config]);
    let shown = stdout(&shown);
    assert!(shown.contains("user      ups") && shown.contains("origin    not looked for"), "{shown}");
}

#[test]
fn a_reload_never_leaves_somebody_unreachable() {
    let (_folder, config) = initialised();
    let gateway = Gateway::start(Command::new(BINARY), Path::new(&config));
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let voice = "[voice]\naccount = \"AC1\"\ntoken = \"t\"\ncaller = \"+15005550006\"\n[users.me]\ncontacts = [\"voice:+15005550001\"]";
    let text = text.replace("[users.me]\ncontacts = [\"console\"]", voice);
    let text = text.replace("# public_url =", "public_url =");
    std::fs::write(&config, text).expect("written");
    assert!(run(&["check", "--config", &config]).status.success(), "the file itself is good");
    gateway.signal("HUP");
    wait_for(&gateway, "a restart is needed; the old definitions stay in force");
}

fn wait_for(gateway: &Gateway, words: &str) {
    for _ in 0..1000 {
        if gateway.log().contains(words) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never said {words:?}: {}", gateway.log());
}

#[test]
fn explain_has_the_fixed_shape_without_a_configuration() {
    let mail = format!("{}/tests/mails/nagios/nagios-svc-problem-critical.eml", env!("CARGO_MANIFEST_DIR"));
    let output = run(&["rules", "explain", "--json", "--to", "x@any.example", "--from", "a@b", &mail]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explained: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(explained["service"], "default");
    let alert = &explained["alerts"][0];
    assert_eq!(alert["action"], "trigger");
    assert_eq!(alert["dedup_key"], "nagios/service/Primary PostgreSQL node/Replication Lag");
    assert_eq!(alert["severity"], "critical");
    assert_eq!(alert["rule"], "nagios/service");
    for key in ["summary", "reason"] {
        assert!(alert[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    let trace = explained["trace"].as_array().expect("every rule tried");
    let matched: Vec<&Value> = trace.iter().filter(|line| line["matched"] == true).collect();
    assert_eq!((matched.len(), &matched[0]["rule"]), (1, &"nagios/service".into()));
    assert!(trace.iter().any(|line| line["matched"] == false && line["rule"] == "cron/job"), "{trace:?}");
    assert!(explained["defects"].as_array().is_some_and(Vec::is_empty));
    let human = stdout(&run(&["rules", "explain", &mail]));
    assert!(human.contains("by nagios/service") && human.contains("✓"), "{human}");
    assert!(refused(&["rules", "explain", "/nowhere.eml"]).contains("cannot read the mail /nowhere.eml"));
}

#[test]
fn the_shipped_packs_pass_their_own_tests() {
    for folder in ["rules", "tests/packs"] {
        let output = run(&["rules", "test", &format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(stdout(&output).trim().ends_with("passed, 0 failed"), "{}", stdout(&output));
    }
}

#[test]
fn a_failing_rule_test_says_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("m.eml"), "Subject: disk full on db1\n\nx\n").expect("written");
    let pack = folder.path().join("disk.toml");
    let text = "[[rule]]\nname = \"d\"\naction = \"trigger\"\ndedup_key = \"{host}\"\nwhen.subject = 'disk full on (?<host>\\S+)'\n\
                [[rule.test]]\nmail = \"m.eml\"\ndedup_key = \"db2\"\n[[rule.test]]\nmail = \"gone.eml\"\n";
    std::fs::write(&pack, text).expect("written");
    let output = run(&["rules", "test", pack.to_str().expect("UTF-8")]);
    assert!(!output.status.success());
    assert_eq!(stdout(&output).trim(), "0 passed, 2 failed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("dedup_key should be \"db2\", is \"db1\""), "{said}");
    assert!(said.contains("cannot read the sample"), "{said}");
    assert!(said.contains("disk.toml:6:1"), "{said}");
}

#[test]
fn a_database_that_cannot_be_used_is_said_plainly() {
    let (folder, config) = initialised();
    let serve = |url: &str| {
        let output = Command::new(BINARY)
            .args(["serve", "--config", &config])
            .env("NIGHTCALL_DATABASE_URL", url)
            .env("NIGHTCALL_SMTP_LISTEN", "127.0.0.1:0")
            .env("NIGHTCALL_HTTP_LISTEN", "127.0.0.1:0")
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{url}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let missing = folder.path().join("no/such/folder.db");
    let said = serve(&format!("sqlite://{}", missing.display()));
    assert!(said.contains("cannot open the database file") && said.contains("No such file"), "{said}");
    let said = serve(&format!("sqlite://{}", folder.path().display()));
    assert!(said.contains("cannot open the database file") && said.contains("directory"), "{said}");
    let said = serve("mysql://x");
    assert!(said.contains("must start with sqlite:// or postgres://"), "{said}");
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, [b'x'; 8192]).expect("written");
    let said = serve(&format!("sqlite://{}", garbage.display()));
    assert!(said.contains("cannot use the database") && said.contains("not a database"), "{said}");
    let said = serve("postgres://nobody@127.0.0.1:1/none");
    assert!(said.contains("cannot connect to the database"), "{said}");
}

#[test]
fn an_address_in_use_is_said_plainly() {
    let (_folder, config) = initialised();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let output = Command::new(BINARY)
        .args(["serve", "--config", &config])
        .env("NIGHTCALL_SMTP_LISTEN", taken.local_addr().expect("an address").to_string())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("cannot listen for SMTP") && said.contains("smtp.listen"),
        "{said}"
    );
}

#[test]
fn a_missing_configuration_is_said_plainly() {
    let said = refused(&["check", "--config", "/nowhere/nightcall.toml"]);
    assert!(said.contains("cannot read /nowhere/nightcall.toml"), "{said}");
}

#[test]
fn the_demo_ends_well() {
    let output = run(&["demo"]);
    let told = stdout(&output);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for words in ["opened incident #1", "the phone rings", "presses 4", "resolved incident #1", "/api/v1/incidents/1"] {
        assert!(told.contains(words), "{words:?} is told:\n{told}");
    }
}
