//! T8 and T9: the disk fails, or is full. No 250 for what is not on it; when it works again, so does the gateway, and
//! nothing is lost or there twice.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nightcall::store::Store;
use tempfile::TempDir;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::{skip, sqlite_url};

const BINARY: &str = env!("CARGO_BIN_EXE_nightcall");

/// Mails sent one after another, more than calls have to fail.
const MAILS: usize = 250;

fn configured(folder: &Path) -> PathBuf {
    let text = format!(
        "fallback = \"ann\"\n[smtp]\ndomains = [\"localhost\"]\n[database]\nurl = \"{}\"\n[users.ann]\ncontacts = [\"console\"]\n\
         [policies.p]\nsteps = [{{ delay = \"1h\", targets = [\"ann\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n",
        sqlite_url(folder)
    );
    let path = folder.join("nightcall.toml");
    std::fs::write(&path, text).expect("written");
    path
}

async fn greeted(gateway: &Gateway) -> Client {
    let mut client = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
    client
}

fn mail(n: usize, bytes: usize) -> Vec<u8> {
    let lines = "a line of text that fills the disk\r\n".repeat(bytes / 36);
    format!("Message-ID: <{n}@mon>\r\nSubject: mail {n}\r\n\r\nx\r\n{lines}").into_bytes()
}

/// Delivers each mail once; those that were put off, by number, and the ids of the others.
async fn deliver(
    gateway: &Gateway,
    mails: impl Iterator<Item = usize>,
    bytes: usize,
) -> (Vec<usize>, BTreeSet<String>) {
    let (mut put_off, mut ids) = (Vec::new(), BTreeSet::new());
    let mut client = greeted(gateway).await;
    for n in mails {
        let reply = client.deliver("a@b", &["x@localhost"], &mail(n, bytes)).await.expect("it lives, and answers");
        if let Some(id) = reply.strip_prefix("250 2.0.0 accepted as ") {
            assert!(ids.insert(id.to_owned()), "{id} is given once");
        } else {
            assert!(reply.starts_with("451 4.3.0") || reply.starts_with("452 4.3.1"), "{reply}");
            put_off.push(n);
            assert!(client.command("RSET").await.is_some_and(|reply| reply.starts_with("250 ")), "the session goes on");
            // What only asks, and never brings a mail, is told to go after a while; a mail server comes anew as well.
            client = greeted(gateway).await;
        }
    }
    (put_off, ids)
}

/// Every mail answered 250 is there, and every number once.
async fn audit(folder: &Path, ids: &BTreeSet<String>, mails: usize) {
    let store = Store::open(&sqlite_url(folder)).await.expect("the database is whole");
    for id in ids {
        assert!(store.mail(id).await.expect("readable").is_some(), "{id} was answered 250 and is lost");
    }
    let stored = store.mails(None, 10_000).await.expect("readable");
    let acted =
        stored.iter().flat_map(|(_, alerts)| alerts).filter(|alert| !alert.outcome.contains("the same mail came"));
    let subjects: BTreeSet<&str> = stored.iter().map(|(mail, _)| mail.subject.as_str()).collect();
    assert_eq!((acted.count(), subjects.len()), (mails, mails), "each mail acts once");
    store.close().await;
}

/// strace lets a call fail some times: those `when` of a thread's calls on the database's log. What comes before takes
/// migrations and the first mails through. After a failure a new thread writes, and counts from one: so it fails more
/// than once, and not each time in what the gateway does of itself, which no mail hears of.
async fn fails(call: &str, when: &str) {
    if !Path::new("/usr/bin/strace").exists() {
        return skip("strace is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let trace = folder.path().join("trace");
    let wal = folder.path().join("test.db-wal");
    let mut command = Command::new("/usr/bin/strace");
    let inject = format!("inject={call}:error=EIO:when={when}");
    command.args(["-f", "-s", "64", "-e", &format!("trace={call}"), "-e", &inject, "-P"]).arg(&wal);
    command.arg("-o").arg(&trace).arg("--").arg(BINARY);
    let mut gateway = Gateway::start(command, &config);
    let (put_off, mut ids) = deliver(&gateway, 0..MAILS, 0).await;
    let trace = std::fs::read_to_string(&trace).expect("the trace");
    let injected = trace.matches("(INJECTED)").count();
    println!("{injected} times EIO from {call}: {} mails put off of {MAILS}", put_off.len());
    assert!(injected > 0 && !put_off.is_empty(), "the disk failed, and that was told");
    let mut waiting = put_off;
    for _ in 0..3 {
        let (again, more) = deliver(&gateway, waiting.iter().copied(), 0).await;
        ids.extend(more);
        waiting = again;
    }
    assert!(waiting.is_empty(), "the disk works again, and so do we: {waiting:?}");
    // The program below strace, so that nothing is written any more.
    let pid = gateway.below().pop().expect("its child");
    assert!(Command::new("kill").args(["-s", "KILL", &pid]).status().expect("kill runs").success());
    gateway.child.wait().expect("it ends");
    audit(folder.path(), &ids, MAILS).await;
}

#[tokio::test]
async fn a_flush_that_fails_is_never_a_250() {
    fails("fsync,fdatasync", "80..90").await;
}

#[tokio::test]
async fn a_write_that_fails_is_never_a_250() {
    fails("pwrite64", "3000..3040").await;
}

/// A small disk in memory; gone with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Nothing where mounting is not allowed.
    fn mount(mebibytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={mebibytes}m");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "nightcall-test"]).arg(folder.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then(|| Self(folder))
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Takes all space but so much.
    fn fill(&self, left_bytes: u64) {
        let mut ballast = std::fs::File::create(self.ballast()).expect("created");
        let piece = vec![0; 64 * 1024];
        let mut taken = 0;
        while let Ok(count) = ballast.write(&piece)
            && count > 0
        {
            taken += count as u64;
        }
        ballast.set_len(taken - left_bytes).expect("shortened");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Larger than what must be free for mail to be taken at all, so that the first ones come in.
const DISK_MEBIBYTES: usize = 320;

#[tokio::test]
async fn on_a_full_disk_mail_is_put_off_and_comes_in_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else {
        return skip("no disk can be mounted here");
    };
    let folder = disk.0.path();
    let gateway = Gateway::start(Command::new(BINARY), &configured(folder));
    let (put_off, mut ids) = deliver(&gateway, 0..10, 0).await;
    assert!(put_off.is_empty(), "there is room");
    disk.fill(1 << 20);
    let (put_off, more) = deliver(&gateway, 10..60, 100_000).await;
    assert!(put_off.len() > 30, "a mebibyte is not enough for five: {} put off", put_off.len());
    println!("full disk: {} mails of 100 kB put off, {} taken", put_off.len(), more.len());
    ids.extend(more);
    std::fs::remove_file(disk.ballast()).expect("removed");
    let mut left = put_off;
    // How much is free may be looked at only now and then.
    for _ in 0..100 {
        let (again, more) = deliver(&gateway, left.iter().copied(), 100_000).await;
        ids.extend(more);
        left = again;
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(left.is_empty(), "there is room again: {left:?}");
    drop(gateway);
    audit(folder, &ids, 60).await;
}
