//! Mail programs that others wrote, and a service manager's sockets, against the program as people start it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::skip;

const BINARY: &str = env!("CARGO_BIN_EXE_nightcall");

const PASSWORD: &str = "correct horse";

fn is_installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()));
    found || missing(&format!("{program} is not installed"))
}

fn missing(what: &str) -> bool {
    skip(what);
    false
}

/// Runs a program with this on its standard input.
fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// `init --self-signed`, a user, and a second listener that starts with TLS; its certificate's folder.
fn configured() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(BINARY, &["init", folder.path().to_str().expect("UTF-8"), "--self-signed", "mx.test"], "");
    assert!(made.status.success(), "{}", text(&made));
    let line = run(BINARY, &["smtp", "password", "the ups"], &format!("{PASSWORD}\nnot this\n"));
    let line = String::from_utf8(line.stdout).expect("UTF-8");
    assert!(line.starts_with("\"the ups\" = \"$argon2id$v=19$m=19456,t=2,p=1$") && !line.contains("horse"), "{line}");
    let config = folder.path().join("nightcall.toml");
    let text = std::fs::read_to_string(&config).expect("written");
    let text = text.replace("listen = \"127.0.0.1:2525\"\n", "");
    let more = format!(
        "[smtp.users]\n{line}[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\n\
         [[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\nrequire_auth = true\n[http]\n"
    );
    std::fs::write(&config, text.replacen("[http]\n", &more, 1)).expect("written");
    (folder, config)
}

#[test]
fn a_self_signed_certificate_is_made_once_and_kept_from_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, config) = configured();
    let checked = run(BINARY, &["check", "--config", config.to_str().expect("UTF-8")], "");
    let said = text(&checked);
    assert!(checked.status.success() && !said.contains("certificate"), "{said}");
    assert!(said.contains("smtp 127.0.0.1:0: STARTTLS, AUTH\nsmtp 127.0.0.1:0: TLS, AUTH required\n"), "{said}");
    let key = folder.path().join("key.pem");
    assert_eq!(std::fs::metadata(&key).expect("it is there").permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&config).expect("removed");
    let again = run(BINARY, &["init", folder.path().to_str().expect("UTF-8"), "--self-signed"], "");
    assert!(!again.status.success() && text(&again).contains("exists already"), "{}", text(&again));
}

#[test]
fn check_warns_of_a_certificate_that_ends_soon_and_refuses_one_that_is_none() {
    let (folder, config) = configured();
    let config = config.to_str().expect("UTF-8");
    crate::certificates::SERVER.authority.sign("mx.test", 2021).write(folder.path());
    let checked = run(BINARY, &["check", "--strict", "--config", config], "");
    let said = text(&checked);
    assert!(!checked.status.success() && said.contains("ended on 2021-01-01"), "{said}");
    std::fs::write(folder.path().join("cert.pem"), "nothing").expect("written");
    let checked = run(BINARY, &["check", "--config", config], "");
    assert!(
        !checked.status.success() && text(&checked).contains("cert.pem holds no certificate"),
        "{}",
        text(&checked)
    );
}

#[test]
fn mail_programs_deliver_over_tls_with_a_password() {
    let (folder, config) = configured();
    let gateway = Gateway::start(Command::new(BINARY), &config);
    let mail = folder.path().join("mail.eml");
    std::fs::write(&mail, "Subject: disk full on db1\r\n\r\nx\r\n").expect("written");
    let (mail, certificate) = (mail.display().to_string(), folder.path().join("cert.pem").display().to_string());
    let [starttls, implicit] = [gateway.listeners[0], gateway.listeners[1]].map(|address| address.port().to_string());
    let mut delivered = 0;
    if is_installed("curl") {
        for (url, more) in [
            (format!("smtp://mx.test:{starttls}"), vec!["--ssl-reqd"]),
            (format!("smtps://mx.test:{implicit}"), vec!["--login-options", "AUTH=LOGIN"]),
            (format!("smtps://mx.test:{implicit}"), vec!["--login-options", "AUTH=PLAIN"]),
        ] {
            let (resolve, user) =
                (format!("mx.test:{}:127.0.0.1", &url[url.len() - 5..]), format!("the ups:{PASSWORD}"));
            let mut arguments = vec!["-sS", "--resolve", &resolve, "--cacert", &certificate, "--user", &user];
            arguments.extend(["--mail-from", "mon@example.com", "--mail-rcpt", "db@localhost", "-T", &mail, &url]);
            arguments.extend(more);
            let sent = run("curl", &arguments, "");
            assert!(sent.status.success(), "{url}: {}", text(&sent));
            delivered += 1;
        }
        let user = "the ups:wrong";
        let url = format!("smtps://127.0.0.1:{implicit}");
        let arguments =
            ["-sSk", "--user", user, "--mail-from", "a@b", "--mail-rcpt", "db@localhost", "-T", &mail, &url];
        assert!(!run("curl", &arguments, "").status.success(), "a wrong password");
    }
    let knows_tls = || text(&run("swaks", &["--support"], "")).contains("=== TLS supported");
    if is_installed("swaks") && (knows_tls() || missing("swaks has no TLS (Net::SSLeay)")) {
        for (port, tls) in [(&starttls, "--tls"), (&implicit, "--tls-on-connect")] {
            for auth in ["PLAIN", "LOGIN"] {
                let arguments = ["--server", "127.0.0.1", "--port", port, "--to", "db@localhost", tls, "--auth", auth];
                let credentials = ["--auth-user", "the ups", "--auth-password", PASSWORD, "--from", "mon@example.com"];
                let sent = run("swaks", &[&arguments[..], &credentials].concat(), "");
                let said = text(&sent);
                assert!(sent.status.success(), "{tls} {auth}: {said}");
                delivered += 1;
                let id =
                    said.split("accepted as ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an id");
                let shown = text(&run(BINARY, &["mail", "show", id, "--config", config.to_str().expect("UTF-8")], ""));
                assert!(shown.contains("tls       TLSv1.3 TLS13_") && shown.contains("user      the ups\n"), "{shown}");
            }
        }
    }
    if is_installed("openssl") {
        let to = format!("127.0.0.1:{starttls}");
        let arguments =
            ["s_client", "-starttls", "smtp", "-connect", &to, "-CAfile", &certificate, "-verify_return_error"];
        let versions: [(&[&str], bool); 3] = [(&["-tls1_3"], true), (&["-tls1_2"], true), (&["-tls1_1"], false)];
        for (version, welcome) in versions {
            let sent =
                run("openssl", &[&arguments[..], &["-verify_hostname", "mx.test"], version].concat(), "QUIT\r\n");
            assert_eq!(sent.status.success(), welcome, "{version:?}: {}", text(&sent));
        }
        wait_until(|| gateway.log().contains("a TLS handshake failed"), "the refused version is logged");
    }
    let listed = run(BINARY, &["incident", "list", "--json", "--config", config.to_str().expect("UTF-8")], "");
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let alerts: i64 =
        listed["incidents"].as_array().expect("a list").iter().filter_map(|it| it["alert_count"].as_i64()).sum();
    assert_eq!(alerts, delivered, "{listed}");
}

#[tokio::test]
async fn a_changed_certificate_is_seen_by_itself() {
    let (folder, config) = configured();
    let gateway = Gateway::start(Command::new(BINARY), &config);
    std::fs::write(folder.path().join("key.pem"), "nothing").expect("written");
    wait_until(|| gateway.log().contains("the old certificate stays in use"), "the broken key is noticed");
    let server = &crate::certificates::SERVER;
    server.authority.sign("mx.test", 2080).write(folder.path());
    wait_until(|| gateway.log().contains("the certificate was read again"), "the new certificate is noticed");
    let mut client = Client::connect_tls(gateway.listeners[1], &server.client(None)).await.expect("it is used");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
}

/// As systemd does it: the socket is open before the program starts, as file descriptor 3.
const ACTIVATE: &str = r#"
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["NIGHTCALL_SMTP_LISTEN"] = sys.argv[1] or "127.0.0.1:%d" % s.getsockname()[1]
os.execv(sys.argv[2], sys.argv[2:])
"#;

#[tokio::test]
async fn a_service_managers_socket_is_used() {
    if !is_installed("python3") {
        return;
    }
    let (_folder, config) = configured();
    let start = |listen: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", ACTIVATE, listen, BINARY]);
        command
    };
    let gateway = Gateway::start(start(""), &config);
    let mut client = Client::connect(gateway.listeners[0]).await.expect("SMTP accepts");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));

    let refused = start("127.0.0.1:0")
        .args(["serve", "--config"])
        .arg(&config)
        .env("NIGHTCALL_HTTP_LISTEN", "127.0.0.1:0")
        .output();
    let refused = refused.expect("it starts");
    assert!(
        !refused.status.success() && text(&refused).contains("the service manager listens on"),
        "{}",
        text(&refused)
    );
}

fn wait_until(done: impl Fn() -> bool, what: &str) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not within 10 s: {what}");
}
