//! T6: seen from outside, by strace: no 250 leaves before the log it rests on was flushed to disk.

use std::path::Path;
use std::process::Command;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::skip;

const MAILS: usize = 20;

#[tokio::test]
async fn every_250_comes_after_its_flush() {
    if !Path::new("/usr/bin/strace").exists() {
        return skip("strace is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("gw");
    let init = Command::new(env!("CARGO_BIN_EXE_nightcall")).arg("init").arg(&directory).output().expect("it starts");
    assert!(init.status.success());
    let trace = folder.path().join("trace");
    let mut command = Command::new("/usr/bin/strace");
    command.args(["-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg", "-o"]).arg(&trace);
    command.arg("--").arg(env!("CARGO_BIN_EXE_nightcall"));
    let mut gateway = Gateway::start(command, &directory.join("nightcall.toml"));

    let mut client = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    client.reply().await.expect("a greeting");
    for n in 0..MAILS {
        let reply = client.deliver("a@b", &["x@localhost"], format!("Subject: mail {n}\r\n\r\nx\r\n").as_bytes()).await;
        assert!(reply.is_some_and(|reply| reply.starts_with("250 2.0.0 accepted")), "mail {n}");
    }
    client.command("QUIT").await;
    // strace passes the signal on to nobody; the program it runs is asked itself.
    let pid = gateway.below().pop().expect("its child");
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().expect("kill runs").success());
    gateway.child.wait().expect("it ends");

    let trace = std::fs::read_to_string(&trace).expect("the trace");
    check(&trace);
    // The judge itself is judged: without the flushes it must object.
    let unflushed: String =
        trace.lines().filter(|line| !line.contains("sync")).map(|line| format!("{line}\n")).collect();
    assert!(std::panic::catch_unwind(|| check(&unflushed)).is_err(), "a trace without flushes does not pass");
}

/// Between each 354 and its 250 there must be a finished flush of the database's log.
fn check(trace: &str) {
    let (mut flushed, mut accepted) = (false, 0);
    for line in trace.lines() {
        if line.contains("354 end with") {
            flushed = false;
        } else if line.contains("sync") && line.trim_end().ends_with("= 0") {
            // A call interrupted in the log is told in two lines; the second one has its result, without the file.
            flushed |= line.contains(".db-wal>") || line.contains("resumed>");
        } else if line.contains("250 2.0.0 accepted") {
            accepted += 1;
            assert!(flushed, "250 number {accepted} left before its flush: {line}");
        }
    }
    assert_eq!(accepted, MAILS, "every 250 was seen");
}
