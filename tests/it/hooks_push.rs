//! Web Push against a pretend push service, read by a pretend browser.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use jiff::SignedDuration;
use nightcall::domain::incident::Status;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::oncall::post;
use crate::postgres;
use crate::world::World;

const AUTH: [u8; 16] = [5; 16];

/// Path, headers, and what the push service cannot read.
type Pushed = (String, HeaderMap, Vec<u8>);

#[derive(Default)]
struct PushService {
    pushed: Mutex<Vec<Pushed>>,
    /// What is answered to the next pushes to this browser; all others are taken.
    answers: Mutex<VecDeque<(&'static str, u16)>>,
}

impl PushService {
    async fn start() -> (String, Arc<Self>) {
        let service = Arc::new(Self::default());
        let router = Router::new().fallback(take).with_state(Arc::clone(&service));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, service)
    }

    /// What was pushed since it was last looked, sorted by browser.
    fn take(&self) -> Vec<Pushed> {
        let mut pushed = std::mem::take(&mut *self.pushed.lock().expect("lock"));
        pushed.sort_by(|one, other| one.0.cmp(&other.0));
        pushed
    }

    fn paths(&self) -> Vec<String> {
        self.take().into_iter().map(|(path, ..)| path).collect()
    }

    fn answer(&self, browser: &'static str, status: u16) {
        self.answers.lock().expect("lock").push_back((browser, status));
    }
}

async fn take(State(service): State<Arc<PushService>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body").to_vec();
    let path = parts.uri.path().to_owned();
    service.pushed.lock().expect("lock").push((path.clone(), parts.headers, body));
    let mut answers = service.answers.lock().expect("lock");
    let told = answers.iter().position(|(browser, _)| path == *browser).and_then(|at| answers.remove(at));
    told.map_or(StatusCode::CREATED, |(_, status)| StatusCode::from_u16(status).expect("a status"))
}

/// The browser's key; it is the same everywhere, for nobody but it reads its messages.
fn browser() -> SecretKey {
    SecretKey::from_slice(&[11; 32]).expect("a key")
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("a header {name}"))
}

/// What a browser does with a message (RFC 8291 section 4).
fn read(sealed: &[u8]) -> Value {
    let (salt, key, record) = (&sealed[..16], &sealed[21..86], &sealed[86..]);
    assert_eq!((&sealed[16..20], sealed[20]), (&4096_u32.to_be_bytes()[..], 65));
    let sender = PublicKey::from_sec1_bytes(key).expect("a point");
    let shared = browser().diffie_hellman(&sender);
    let derived = |salt: &[u8], secret: &[u8], info: &[u8], length: usize| {
        let mut out = vec![0; length];
        Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut out).expect("short");
        out
    };
    let info = [b"WebPush: info\0", &browser().public_key().to_sec1_bytes()[..], key].concat();
    let secret = derived(&AUTH, shared.raw_secret_bytes(), &info, 32);
    let key = derived(salt, &secret, b"Content-Encoding: aes128gcm\0", 16);
    let nonce = derived(salt, &secret, b"Content-Encoding: nonce\0", 12);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
    let mut record = record.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(&nonce).expect("a nonce");
    let plain = key.open_in_place(nonce, Aad::empty(), &mut record).expect("it is for this browser");
    assert_eq!(plain.last(), Some(&2));
    serde_json::from_slice(&plain[..plain.len() - 1]).expect("JSON")
}

async fn world(database: Option<&str>) -> World {
    let text = r#"
[web_push]
contact = "mailto:ops@example.com"
[users.eve]
contacts = { push = "web-push", phone = "voice:+15005550003" }
high = ["push", "phone after 20m"]
[policies.default]
steps = [{ delay = "30m", targets = ["eve"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;
    World::build(text, "", database).await
}

fn subscription(endpoint: &str) -> Value {
    let key = browser().public_key().to_sec1_bytes();
    let keys = json!({"p256dh": URL_SAFE_NO_PAD.encode(key), "auth": URL_SAFE_NO_PAD.encode(AUTH)});
    json!({"endpoint": endpoint, "expirationTime": null, "keys": keys, "name": endpoint.rsplit('/').next()})
}

async fn subscribe(world: &World, endpoint: &str) -> String {
    let (status, made) = post(world, "/people/eve/push", subscription(endpoint)).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().expect("an id").to_owned()
}

async fn subscriptions(world: &World) -> Vec<Value> {
    let (status, known) = world.get("/api/v1/people/eve/push").await;
    assert_eq!(status, 200);
    known["subscriptions"].as_array().expect("a list").clone()
}

async fn told_by_all_browsers(database: Option<&str>) {
    let (url, service) = PushService::start().await;
    let mut world = world(database).await;
    for browser in ["laptop", "phone"] {
        subscribe(&world, &format!("{url}/{browser}")).await;
    }
    world.nagios("PROBLEM", "CRITICAL").await;
    let pages = service.take();
    assert_eq!(pages.iter().map(|(path, ..)| path.as_str()).collect::<Vec<_>>(), ["/laptop", "/phone"]);
    assert_ne!(pages[0].2[..86], pages[1].2[..86], "each has a key and a salt of its own");
    let (_, headers, sealed) = &pages[1];
    for (name, expected) in [("ttl", "14400"), ("urgency", "high"), ("topic", "incident-1")] {
        assert_eq!(header(headers, name), expected);
    }
    let shown = read(sealed);
    assert_eq!((&shown["number"], &shown["tag"]), (&json!(1), &json!("incident-1")));
    assert_eq!(shown["title"], "CRITICAL db: disk on db1 is CRITICAL");
    // The push service sees that it is us.
    let (_, key) = world.get("/api/v1/push/key").await;
    let (token, by) = header(headers, "authorization")[8..].split_once(",k=").expect("a key");
    assert_eq!(key["key"], by);
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let verifying = VerifyingKey::from_sec1_bytes(&decoded(by)).expect("a key");
    verifying
        .verify(signed.as_bytes(), &Signature::from_slice(&decoded(signature)).expect("a signature"))
        .expect("it is ours");
    let claims: Value = serde_json::from_slice(&decoded(signed.split_once('.').expect("claims").1)).expect("JSON");
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(url), &json!("mailto:ops@example.com")));

    // What follows replaces it.
    assert_eq!(world.post("/api/v1/incidents/1/acknowledge").await.0, 200);
    world.settle().await;
    let followed = service.take();
    assert_eq!(followed.len(), 2);
    assert_eq!(header(&followed[0].1, "topic"), "incident-1");
    let shown = read(&followed[0].2);
    assert_eq!(shown["title"], "Acknowledged by token test: CRITICAL db: disk on db1 is CRITICAL");
    world.advance_minutes(25).await;
    world.expect_silence();
    let known = subscriptions(&world).await;
    assert_eq!(known[1]["last_ok_at"], "2026-11-21T10:00:00.000Z");
    assert_eq!((&known[1]["service"], &known[1]["gone_at"]), (&json!(url), &Value::Null));
}

#[tokio::test]
async fn a_page_reaches_every_browser() {
    told_by_all_browsers(None).await;
}

#[tokio::test]
async fn a_page_reaches_every_browser_on_postgresql() {
    if let Some(database) = postgres::database().await {
        told_by_all_browsers(Some(&database)).await;
    }
}

#[tokio::test]
async fn a_browser_that_is_gone_is_left_out_and_with_the_last_the_phone_rings() {
    let (url, service) = PushService::start().await;
    let mut world = world(None).await;
    for browser in ["laptop", "phone"] {
        subscribe(&world, &format!("{url}/{browser}")).await;
    }
    service.answer("/laptop", 410);
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(service.paths(), ["/laptop", "/phone"]);
    world.expect_silence();
    world.nagios("RECOVERY", "OK").await;
    assert_eq!(service.paths(), ["/phone"], "nobody asks for the laptop again");
    assert_eq!(subscriptions(&world).await[0]["gone_at"], "2026-11-21T10:00:00.000Z");

    service.answer("/phone", 404);
    world.advance_minutes(5).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(service.paths(), ["/phone"]);
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    assert_eq!(service.paths(), Vec::<String>::new());
    world.nagios("RECOVERY", "OK").await;

    // Subscribed anew, it is told again.
    subscribe(&world, &format!("{url}/phone")).await;
    assert_eq!(subscriptions(&world).await.len(), 2);
    world.advance_minutes(5).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(service.paths(), ["/phone"]);
    world.expect_silence();
}

#[tokio::test]
async fn trouble_with_one_browser_does_not_wake_the_other_again() {
    let (url, service) = PushService::start().await;
    let mut world = world(None).await;
    for browser in ["laptop", "phone"] {
        subscribe(&world, &format!("{url}/{browser}")).await;
    }
    for status in [503, 429] {
        service.answer("/phone", status);
    }
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..6 {
        world.advance(SignedDuration::from_secs(10)).await;
    }
    assert_eq!(service.paths(), ["/laptop", "/phone", "/phone", "/phone"]);
    world.expect_silence();

    // A service that stays down is no way to reach anybody.
    world.nagios("RECOVERY", "OK").await;
    world.advance_minutes(5).await;
    service.take();
    for _ in 0..5 {
        service.answer("/phone", 500);
    }
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..12 {
        world.advance(SignedDuration::from_secs(10)).await;
    }
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.expect_status(2, Status::Acknowledged).await;
}

#[tokio::test]
async fn an_endpoint_that_leads_inside_is_not_called() {
    let mut world = world(None).await;
    subscribe(&world, "http://10.0.0.1:9/send").await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("cid");
    let (_, people) = world.get("/api/v1/people").await;
    let people = people["people"].as_array().expect("a list");
    let eve = people.iter().find(|person| person["name"] == "eve").expect("eve");
    let push = eve["contacts"].as_array().expect("a list").iter().find(|contact| contact["channel"] == "web-push");
    let why = push.expect("a contact")["failed_why"].as_str().expect("a reason");
    assert_eq!(why, "the target's address 10.0.0.1 is private");
}

#[tokio::test]
async fn subscribing_asks_for_a_token_a_person_and_keys() {
    let (url, service) = PushService::start().await;
    let mut world = world(None).await;
    for path in ["/api/v1/push/key", "/api/v1/people/eve/push"] {
        let answer = world.http().get(world.url(path)).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401, "{path}");
    }
    let (first, second) = (world.get("/api/v1/push/key").await, world.get("/api/v1/push/key").await);
    assert_eq!(first, second, "the key is made once");
    let valid = subscription(&format!("{url}/phone"));
    assert_eq!(post(&world, "/people/nobody/push", valid.clone()).await.0, 404);
    assert_eq!(post(&world, "/people/ann/push", valid.clone()).await.0, 409, "ann has a phone only");
    let mut weak = valid.clone();
    weak["keys"]["auth"] = json!("AAAA");
    assert_eq!(post(&world, "/people/eve/push", weak).await.0, 400);
    assert_eq!(post(&world, "/people/eve/push", json!({"endpoint": url})).await.0, 400);

    // The same browser again is one browser; the eleventh is one too many.
    let id = subscribe(&world, &format!("{url}/0")).await;
    assert_eq!(subscribe(&world, &format!("{url}/0")).await, id);
    for number in 1..10 {
        subscribe(&world, &format!("{url}/{number}")).await;
    }
    let eleventh = post(&world, "/people/eve/push", subscription(&format!("{url}/10"))).await;
    assert_eq!(eleventh.0, 409, "{}", eleventh.1);
    let remove = |id: &str| {
        let request = world.http().delete(world.url(&format!("/api/v1/people/eve/push/{id}")));
        request.bearer_auth(&world.token).send()
    };
    for status in [204, 404] {
        assert_eq!(remove(&id).await.expect("an answer").status().as_u16(), status);
    }
    assert_eq!(post(&world, "/people/eve/contacts/push/test", json!({})).await.0, 202);
    world.settle().await;
    let tests = service.take();
    assert_eq!(tests.len(), 9);
    let code = read(&tests[0].2)["body"].as_str().expect("a body").trim_start_matches("Code: ").to_owned();
    let proof = post(&world, "/people/eve/contacts/push/verify", json!({ "code": code })).await;
    assert_eq!(proof, (200, json!({ "verified": true })));
}

#[test]
fn web_push_is_for_people_and_says_whom_to_write_to() {
    let problems = |more: &str, contact: &str| {
        let text = format!(
            "{more}\nfallback = \"ann\"\n[users.ann]\ncontacts = [\"{contact}\"]\n[policies.p]\n\
             steps = [{{ delay = \"5m\", targets = [\"ann\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n"
        );
        // Keys before the first section stay there.
        let (top, sections): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("fallback"));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nightcall.toml");
        std::fs::write(&path, [top, sections].concat().join("\n")).expect("written");
        let loaded = nightcall::definitions::load(&path, "2026-11-21T10:00:00Z".parse().expect("a timestamp"));
        loaded.err().map(|problems| problems.render(false)).unwrap_or_default()
    };
    let contact = "[web_push]\ncontact = \"mailto:ops@example.com\"";
    assert_eq!(problems(contact, "web-push"), "");
    assert_eq!(problems("[http]\npublic_url = \"https://call.example.com\"\n[web_push]", "web-push"), "");
    for (more, contact, problem) in [
        ("", "web-push", "add a [web_push] section"),
        (contact, "web-push:phone", "web-push needs no address"),
        ("[web_push]", "web-push", "push services want to know whom to write to"),
        ("[web_push]\ncontact = \"ops@example.com\"", "web-push", "add contact = \"mailto:ops@example.com\""),
        (
            "[web_push]\ncontact = \"mailto:o@x.example\"\n[rooms]\nhall = \"web-push\"",
            "console",
            "a room has no browser",
        ),
    ] {
        let found = problems(more, contact);
        assert!(found.contains(problem), "{more} {contact}: {found}");
    }
}
