//! What DNS says about senders: SPF, DKIM, DMARC and ARC, with mails signed here and a name server of our own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults, DmarcOutput, DmarcResult};
use nightcall::clock::Stopwatch;
use nightcall::domain::incident::Status;
use serde_json::Value;

use crate::nameserver::{Mood, NameServer};
use crate::world::World;

const RECOVERY: &str = "From: Nagios <nagios@mon.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
    Subject: ** RECOVERY Service Alert: db1/disk is OK **\r\n\r\nx\r\n";

/// [`RECOVERY`], signed by another program (dkimpy 1.1) with a key of 2048 bits that nobody has any more, and the record
/// of that key: longer than the 255 bytes that one string of a TXT record has.
const SIGNED_BY_RSA: &str = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=mon.example;\r\n\
    \x20i=@mon.example; q=dns/txt; s=s; t=1795337311; h=from : subject : date;\r\n\
    \x20bh=s14J+iztnrytnRYzb7lhFG/jS/vrxWJnnahfijFMnco=;\r\n\
    \x20b=RWKgBawNE41sptIcHLuDK8PFVlKuLc1VRomc6AJ8OJPdVB1IH6s49Y7hhpUhPrL7BYopV\r\n\
    \x201+U4SM0YqD6hlm1Ds0hKOORbaIdIlpotIJSfFwp0Mp8nW9pb6L3cfObXHYnn2oCuuWIZL6m\r\n\
    \x20XdR4ZNkD2F7mDfX0e351qluB7/T8bnV7pRiHe6irPPrfIMiLgLdtu0zbad6oSzpJCbCMrJD\r\n\
    \x20294m6yddC7R09US9L7r6IyyHVSr1RqUcuLVhI+R9z42aklom8riFG0LBvLwia3V3a1eksXy\r\n\
    \x208i9zcilf/5hTi4UHl3RrwjPuoyHjXjPEWt9AqpfVygDiz1DwXm7GjcR+8b2Q==\r\n";
const RSA_RECORD: &str = "v=DKIM1; k=rsa; \
    p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoDi9z2fNxPvo2sFTZ3GKi6Drox/uCYMw5KmZvO17QcuqmitD+GPMX0PG\
    1KRKaA5PUG7kyf3UZ6+1sS7IjfUUDBaYpm3KFiUwlhE/cgX2cdmNyz8vxv4uJL8D1JcndUYRJM5LCwZUqUyi5q4ckRE8rKENASjw\
    6GWVJUfx2wcBYAnld4weRvGMGdA4sbkM02LZf/pqvK53T1VPCm6dc98xUWrOClGu13GMZqDpydDcH6ZBQqysoPcH0Xw9X7JwHNY8\
    3Y71AvjFBlz/Ve0KziXN5nwt66eYjh1//Ldgmw0nTY9asGU/mKdZu1dbVcxIxH0RniIqSKivKjNCXKH2VUusVwIDAQAB";

/// A domain that signs.
struct Signer {
    domain: &'static str,
    key: Vec<u8>,
}

impl Signer {
    fn of(domain: &'static str) -> Self {
        Self { domain, key: Ed25519Key::generate_pkcs8().expect("a key") }
    }

    fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_maybe_unchecked_der(&self.key).expect("a key")
    }

    fn record(&self) -> String {
        format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(self.key().public_key()))
    }

    fn signed(&self, mail: &str, headers: &[&str]) -> String {
        let signer = DkimSigner::from_key(self.key()).domain(self.domain).selector("s");
        let signature = signer.headers(headers.iter().copied()).sign(mail.as_bytes()).expect("signed");
        format!("{}{mail}", signature.to_header())
    }

    /// The mail as this domain forwards it, saying what it has found about DMARC.
    fn sealed(&self, mail: &str, dmarc: DmarcResult) -> String {
        let message = AuthenticatedMessage::parse(mail.as_bytes()).expect("a mail");
        let found = DmarcOutput::new("mon.example".to_owned()).with_dkim_result(dmarc);
        let results = AuthenticationResults::new("mx.list.example").with_dmarc_result(&found);
        let sealer = ArcSealer::from_key(self.key()).domain(self.domain).selector("s");
        let sealer = sealer.headers(["From", "Subject", "Date"]);
        let set = sealer.seal(&message, &results, &ArcOutput::default()).expect("sealed");
        format!("{}{mail}", set.to_header())
    }
}

const ALL: [&str; 3] = ["From", "Subject", "Date"];

async fn world(senders: &str, records: &[(&str, String)], mood: Mood) -> (World, NameServer) {
    let server = NameServer::start(records, mood).await;
    let definitions = format!(
        "[policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"ann\"] }}]\n[services.db]\naddresses = [\"db\"]\n\
         policy = \"default\"\n[services.db.senders]\n{senders}\n[services.web]\naddresses = [\"web\"]\npolicy = \"default\"\n"
    );
    let world = World::build(&definitions, &server.section(), None).await;
    (world, server)
}

/// Hands the mail in as `from`; what became of it, and what is known of where it comes from.
async fn handed_in(world: &mut World, from: &str, raw: &str) -> (String, Value) {
    let reply = world.deliver(from, &["db@alerts.example.com"], raw.as_bytes()).await;
    assert!(reply.starts_with("250 "), "{reply}");
    world.settle().await;
    let id = reply.rsplit(' ').next().expect("an id");
    let (_, mail) = world.get(&format!("/api/v1/mails/{id}")).await;
    (mail["alerts"][0]["outcome"].as_str().expect("an outcome").to_owned(), mail)
}

#[tokio::test]
async fn only_a_recovery_that_is_signed_as_it_is_ends_anything() {
    let (mon, evil) = (Signer::of("mon.example"), Signer::of("evil.example"));
    let records = [("s._domainkey.mon.example", mon.record()), ("s._domainkey.evil.example", evil.record())];
    let (mut world, _) = world("resolve = [{ dkim = [\"mon.example\"] }]", &records, Mood::Answers).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let signed = mon.signed(RECOVERY, &ALL);
    let problem = mon.signed(&RECOVERY.replace("RECOVERY", "PROBLEM").replace("OK", "CRITICAL"), &ALL);
    for (forged, why) in [
        (RECOVERY.to_owned(), "dkim=none"),
        (signed.replace("\r\n\r\nx", "\r\n\r\ny"), "dkim=fail mon.example (Calculated body hash"),
        (signed.replace("db1/disk", "db1/load"), "dkim=fail mon.example"),
        (evil.signed(RECOVERY, &ALL), "dkim=pass evil.example"),
        (mon.signed(RECOVERY, &["From", "Date"]), "does not cover its subject header"),
        // A signed mail with another subject above the signed one, which is what rules would read.
        (format!("Subject: ** RECOVERY Service Alert: db1/disk is OK **\r\n{problem}"), "more than one subject header"),
    ] {
        let (outcome, mail) = handed_in(&mut world, "a@mon.example", &forged).await;
        assert!(outcome.starts_with("quarantined: ") && outcome.contains(why), "{why}: {outcome}");
        assert_eq!(mail["authentication"]["spf"], Value::Null, "nobody asked for SPF");
    }
    world.expect_status(1, Status::Triggered).await;
    let (outcome, mail) = handed_in(&mut world, "", &signed).await;
    assert_eq!(outcome, "resolved incident #1");
    assert_eq!(mail["authentication"]["dkim"][0]["found"], "pass", "{mail}");
    world.expect_status(1, Status::Resolved).await;
}

#[tokio::test]
async fn what_another_program_signed_with_rsa_is_believed() {
    let records = [("s._domainkey.mon.example", RSA_RECORD.to_owned())];
    let (mut world, _) = world("resolve = [{ dkim = [\"mon.example\"] }]", &records, Mood::Answers).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let signed = format!("{SIGNED_BY_RSA}{RECOVERY}");
    let (outcome, _) = handed_in(&mut world, "", &signed.replace("b=RW", "b=RX")).await;
    assert!(outcome.starts_with("quarantined: ") && outcome.contains("dkim=fail mon.example"), "{outcome}");
    let (outcome, mail) = handed_in(&mut world, "", &signed).await;
    assert_eq!(outcome, "resolved incident #1", "{mail}");
}

#[tokio::test]
async fn spf_says_who_may_send_for_a_domain() {
    let records =
        [("mon.example", "v=spf1 ip4:127.0.0.1 -all".to_owned()), ("other.example", "v=spf1 -all".to_owned())];
    let senders = "trigger = [{ spf = [\"mon.example\", \"other.example\", \"none.example\"] }]\nresolve = [{ spf = \"pass\", envelope = '@mon\\.example$' }]";
    let (mut world, _) = world(senders, &records, Mood::Answers).await;
    let problem = RECOVERY.replace("RECOVERY", "PROBLEM").replace("OK", "CRITICAL");
    for (from, words) in [("a@other.example", "spf=fail other.example"), ("a@none.example", "spf=none none.example")] {
        let (outcome, _) = handed_in(&mut world, from, &problem).await;
        assert!(outcome.starts_with("quarantined: ") && outcome.contains(words), "{outcome}");
    }
    let (outcome, _) = handed_in(&mut world, "a@mon.example", &problem).await;
    assert_eq!(outcome, "opened incident #1");
    world.expect_call("ann");
    assert!(handed_in(&mut world, "a@other.example", RECOVERY).await.0.starts_with("quarantined: "));
    assert_eq!(handed_in(&mut world, "a@mon.example", RECOVERY).await.0, "resolved incident #1");
}

#[tokio::test]
async fn dmarc_wants_the_author_to_be_proved() {
    let (mon, evil) = (Signer::of("mon.example"), Signer::of("evil.example"));
    let records = [
        ("s._domainkey.mon.example", mon.record()),
        ("s._domainkey.evil.example", evil.record()),
        ("evil.example", "v=spf1 ip4:127.0.0.1 -all".to_owned()),
        ("_dmarc.mon.example", "v=DMARC1; p=reject".to_owned()),
        ("_dmarc.evil.example", "v=DMARC1; p=none".to_owned()),
    ];
    let senders = "resolve = [{ dmarc = \"pass\", from = '@mon\\.example$' }]";
    let (mut world, server) = world(senders, &records, Mood::Answers).await;
    world.mail("web@alerts.example.com", b"Subject: DOWN\r\n\r\nx\r\n").await;
    world.expect_call("ann");
    assert_eq!(server.questions(), 0, "nobody is asked for a service that does not want to know");
    world.nagios("PROBLEM", "CRITICAL").await;
    for forged in [evil.signed(RECOVERY, &ALL), RECOVERY.replace("@mon.", "@evil."), RECOVERY.to_owned()] {
        let (outcome, _) = handed_in(&mut world, "a@evil.example", &forged).await;
        assert!(outcome.starts_with("quarantined: "), "{outcome}");
    }
    let (outcome, mail) = handed_in(&mut world, "a@evil.example", &mon.signed(RECOVERY, &ALL)).await;
    assert_eq!(outcome, "resolved incident #2");
    assert_eq!(mail["authentication"]["dmarc"]["domain"], "mon.example");
    assert_eq!(mail["authentication"]["spf"]["found"], "pass", "of the wrong domain, and signed all the same");
}

#[tokio::test]
async fn a_forwarder_that_is_named_vouches() {
    let (list, evil) = (Signer::of("list.example"), Signer::of("evil.example"));
    let records = [("s._domainkey.list.example", list.record()), ("s._domainkey.evil.example", evil.record())];
    let (mut world, _) = world("resolve = [{ arc = [\"list.example\"] }]", &records, Mood::Answers).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let failed = DmarcResult::Fail(mail_auth::Error::NotAligned);
    for (forged, why) in [
        (evil.sealed(RECOVERY, DmarcResult::Pass), "arc=pass evil.example"),
        (list.sealed(RECOVERY, failed), "arc=fail list.example (the last forwarder"),
        (list.sealed(RECOVERY, DmarcResult::Pass).replace("db1/disk", "db1/load"), "arc=fail list.example"),
        (RECOVERY.to_owned(), "arc=none"),
    ] {
        let (outcome, _) = handed_in(&mut world, "a@list.example", &forged).await;
        assert!(outcome.starts_with("quarantined: ") && outcome.contains(why), "{why}: {outcome}");
    }
    let (outcome, _) = handed_in(&mut world, "a@list.example", &list.sealed(RECOVERY, DmarcResult::Pass)).await;
    assert_eq!(outcome, "resolved incident #1");
}

/// A page must not wait for a name server, and what ends one must not be believed without it.
#[tokio::test]
async fn dns_trouble_refuses_no_trigger_and_ends_nothing() {
    let mon = Signer::of("mon.example");
    let senders = "mode = \"enforce\"\ntrigger = [{ dkim = [\"mon.example\"] }, { spf = [\"mon.example\"] }]";
    for mood in [Mood::Silent, Mood::Fails] {
        let (mut world, server) = world(senders, &[], mood).await;
        let problem = mon.signed(&RECOVERY.replace("RECOVERY", "PROBLEM").replace("OK", "CRITICAL"), &ALL);
        let watch = Stopwatch::start();
        let (outcome, mail) = handed_in(&mut world, "a@mon.example", &problem).await;
        assert_eq!(outcome, "opened incident #1", "{mood:?}");
        assert!(watch.elapsed() < Duration::from_secs(10), "devices give up after 20 s: {:?}", watch.elapsed());
        world.expect_call("ann");
        let trace = mail["trace"][0]["trace"].as_array().expect("a trace").last().expect("a line").clone();
        let reason = trace["reason"].as_str().expect("a reason");
        assert_eq!(trace["rule"], "senders", "{mood:?}");
        assert!(reason.contains("spf=unknown mon.example") && reason.contains("dkim=unknown mon.example"), "{reason}");
        // Not refused although the mode is to enforce: its sender would not send it again.
        let (outcome, _) = handed_in(&mut world, "a@mon.example", &mon.signed(RECOVERY, &ALL)).await;
        assert!(outcome.starts_with("quarantined: "), "{mood:?}: {outcome}");
        world.expect_status(1, Status::Triggered).await;
        assert!(server.questions() > 0);
    }
}

/// What would take a machine long to check is not checked.
#[tokio::test]
async fn a_signature_over_everything_costs_nothing() {
    let mon = Signer::of("mon.example");
    let (mut world, server) = world("trigger = [{ dkim = [\"mon.example\"] }]", &[], Mood::Answers).await;
    let signed = mon.signed(RECOVERY, &ALL);
    let names = "x:".repeat(20_000);
    let (before, after) = signed.split_once("h=").expect("the signed headers");
    let many = "X: y\r\n".repeat(2000);
    for (raw, why) in [
        (format!("{before}h={names}{after}"), "names too many headers"),
        (format!("{many}{signed}"), "its headers cannot be read"),
        (format!("X: {}\r\n{signed}", "y".repeat(300_000)), "its headers cannot be read"),
    ] {
        let raw = raw.replace("RECOVERY", "PROBLEM");
        let (outcome, _) = handed_in(&mut world, "a@mon.example", &raw).await;
        assert!(outcome.starts_with("quarantined: ") && outcome.contains(why), "{why}: {outcome}");
    }
    assert_eq!(server.questions(), 0);
}

#[test]
fn a_check_that_anybody_passes_is_a_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    for (senders, told) in [
        ("resolve = [{ spf = \"pass\" }]", "anybody has a domain for which spf passes"),
        ("resolve = [{ dmarc = \"pass\", envelope = \"x\" }]", "anybody has a domain for which dmarc passes"),
        ("resolve = [{ dkim = \"pass\", from = \"x\" }]", "anybody has a domain for which dkim passes"),
        ("trigger = [{ arc = [] }]", "arc names no domains"),
        ("trigger = [{ dkim = [\"example\"] }]", "\"example\" is not a domain"),
    ] {
        let text = format!(
            "fallback = \"ann\"\n[users.ann]\ncontacts = [\"console\"]\n[policies.default]\n\
             steps = [{{ targets = [\"ann\"] }}]\n[services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n\
             [services.db.senders]\n{senders}\n"
        );
        std::fs::write(&config, text).expect("written");
        let problems = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH).expect_err(senders);
        assert!(problems.render(false).contains(told), "{senders}: {}", problems.render(false));
    }
}
