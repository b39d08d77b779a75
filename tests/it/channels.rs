//! Channels against one pretend server that records what it is asked and answers as it is told.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::SignedDuration;
use nightcall::domain::hex::hex;
use nightcall::domain::incident::Status;
use nightcall::notify::signature::hmac_sha256;
use serde_json::{Value, json};

use crate::postgres;
use crate::world::World;

/// What must be seen nowhere but at its provider.
const CANARY: &str = "C4n4ry";

/// What was asked: path with query, and body.
type Asked = (String, Value);

#[derive(Default)]
struct Server {
    asked: Mutex<Vec<Asked>>,
    /// What is answered to the next requests whose path has this in it; all others fare well.
    answers: Mutex<VecDeque<(&'static str, u16, Value)>>,
    /// Called back before the first request is answered: URL, signed body.
    calls_first: Mutex<Option<(String, String, String)>>,
    /// Asked of the API before the first request is answered: URL and token.
    acts_first: Mutex<Option<(String, String)>>,
}

impl Server {
    async fn start() -> (String, Arc<Self>) {
        let server = Arc::new(Self::default());
        let router = Router::new().fallback(serve).with_state(Arc::clone(&server));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, server)
    }

    /// What was asked of paths with this in them, since it was last looked.
    fn take(&self, part: &str) -> Vec<Asked> {
        let mut asked = self.asked.lock().expect("lock");
        let (wanted, rest) = asked.drain(..).partition(|(path, _)| path.contains(part));
        *asked = rest;
        wanted
    }

    fn answer(&self, part: &'static str, status: u16, body: Value) {
        self.answers.lock().expect("lock").push_back((part, status, body));
    }
}

async fn serve(State(server): State<Arc<Server>>, request: Request) -> impl IntoResponse {
    let path = request.uri().to_string();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let number = {
        let mut asked = server.asked.lock().expect("lock");
        asked.push((path.clone(), body.clone()));
        asked.len()
    };
    let first = server.calls_first.lock().expect("lock").take();
    if let Some((url, timestamp, payload)) = first {
        let (status, _) = slack_call(&url, &timestamp, &payload).await;
        assert_eq!(status, 200);
    }
    let first = server.acts_first.lock().expect("lock").take();
    if let Some((url, token)) = first {
        let client = nightcall::notify::http_client().expect("a client");
        let response = client.post(url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }
    let mut answers = server.answers.lock().expect("lock");
    if let Some(at) = answers.iter().position(|(part, ..)| path.contains(part)) {
        let (_, status, body) = answers.remove(at).expect("it was found");
        return (StatusCode::from_u16(status).expect("a status"), body.to_string());
    }
    let fine = match path.split(['/', '?']).nth(1).unwrap_or_default() {
        "slack" => json!({"ok": true, "channel": "D1", "ts": format!("{number}.5")}),
        "telegram" => json!({"ok": true, "result": {"message_id": number, "chat": {"id": 77}}}),
        "pagerduty" => json!({"status": "success", "dedup_key": body["dedup_key"]}),
        "dingtalk" => json!({"errcode": 0, "errmsg": "ok"}),
        _ => json!({"id": 7}),
    };
    (StatusCode::OK, fine.to_string())
}

/// Slack's way of signing ("Verifying requests from Slack").
async fn slack_call(url: &str, timestamp: &str, body: &str) -> (u16, String) {
    let mac =
        hmac_sha256(format!("{CANARY}-signing").as_bytes(), &[b"v0:", timestamp.as_bytes(), b":", body.as_bytes()]);
    let client = nightcall::notify::http_client().expect("a client");
    let request = client.post(url).header("x-slack-request-timestamp", timestamp);
    let request = request.header("x-slack-signature", format!("v0={}", hex(&mac))).body(body.to_owned());
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

/// A click on a button, as Slack posts it.
fn click(user: &str, button: &Value) -> String {
    let payload = json!({
        "type": "block_actions", "user": {"id": user, "username": "eve<script>"},
        "actions": [{"action_id": button["action_id"], "value": button["value"]}],
        "response_url": "https://evil.example/x",
    });
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

/// The button of a Slack message that does this.
fn button(message: &Value, act: &str) -> Value {
    let blocks = message["blocks"].as_array().expect("blocks");
    let elements = blocks.iter().flat_map(|block| block["elements"].as_array().into_iter().flatten());
    let mut found = elements.filter(|element| element["action_id"] == format!("nightcall_{act}"));
    found.next().unwrap_or_else(|| panic!("a button to {act}: {message}")).clone()
}

async fn world(server: &str, contacts: &str, high: &str) -> World {
    world_on(server, contacts, high, None).await
}

async fn world_on(server: &str, contacts: &str, high: &str, database: Option<&str>) -> World {
    let text = format!(
        r#"
[slack]
base_url = "{server}/slack"
token = "{CANARY}-token"
signing_secret = "{CANARY}-signing"
[telegram]
base_url = "{server}/telegram"
token = "1:{CANARY}"
webhook_secret = "{CANARY}-hook"
[pagerduty]
base_url = "{server}/pagerduty"
signing_secrets = ["{CANARY}-old", "{CANARY}-new"]
[pagerduty.keys.db]
key = "{CANARY}-routing"
[mattermost.ops]
url = "{server}/mattermost/{CANARY}"
[dingtalk.ops]
url = "{server}/dingtalk?access_token={CANARY}"
secret = "SEC{CANARY}"
[gotify]
base_url = "{server}/gotify"
[gotify.keys.eve]
key = "{CANARY}-app"
[webhooks.board]
url = "{server}/board/{CANARY}"
body = '{{"text": {{{{ message.headline|tojson }}}}}}'
headers = {{ x-key = "{CANARY}-header" }}
[users.eve]
contacts = {{ phone = "voice:+15005550003", {contacts} }}
high = {high}
[policies.default]
steps = [{{ delay = "30m", targets = ["eve"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    );
    World::build(&text, "", database).await
}

impl World {
    async fn clicks(&mut self, user: &str, button: &Value) -> u16 {
        let (status, _) =
            slack_call(&self.url("/hooks/slack"), &self.now().as_second().to_string(), &click(user, button)).await;
        self.settle().await;
        status
    }
}

#[tokio::test]
async fn acknowledged_in_slack_the_phone_stays_silent() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "slack:U1""#, r#"["chat", "phone after 2m"]"#).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let [(path, message)] = &server.take("/slack/")[..] else { panic!("one message") };
    assert_eq!((path.as_str(), &message["channel"]), ("/slack/chat.postMessage", &json!("U1")));
    let (acknowledge, escalate) = (button(message, "acknowledge"), button(message, "escalate"));
    assert_eq!(world.clicks("U1", &acknowledge).await, 200);
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(world.incident(1).await.acknowledged.expect("somebody").1, "eve by slack");
    let [(path, changed)] = &server.take("/slack/")[..] else { panic!("the message is changed") };
    assert_eq!((path.as_str(), &changed["ts"]), ("/slack/chat.update", &json!("1.5")));
    assert!(changed.to_string().contains("Acknowledged by eve"), "{changed}");
    world.advance_minutes(10).await;
    world.expect_silence();

    // What was said is said once: clicks that come again, by whomever, do nothing.
    let before = world.kinds(1).await;
    for (user, again) in [("U1", &acknowledge), ("U2", &acknowledge), ("U2", &escalate)] {
        assert_eq!(world.clicks(user, again).await, 200);
    }
    assert_eq!(world.kinds(1).await, before);
    assert_eq!(server.take("/slack/"), []);

    // The changed message offers to resolve; somebody unknown does it, and is named by what Slack says.
    assert_eq!(world.clicks("U2", &button(changed, "resolve")).await, 200);
    world.expect_status(1, Status::Resolved).await;
    let [(path, over)] = &server.take("/slack/")[..] else { panic!("the message is changed") };
    assert_eq!(path, "/slack/chat.update");
    assert!(over.to_string().contains("Resolved by eve&lt;script&gt; (U2) by slack"), "{over}");
}

#[tokio::test]
async fn a_forged_call_changes_nothing() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "slack:U1""#, r#"["chat"]"#).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let body = click("U1", &button(&server.take("/slack/")[0].1, "acknowledge"));
    let hook = world.url("/hooks/slack");
    let old = (world.now().as_second() - 301).to_string();
    assert_eq!(slack_call(&hook, &old, &body).await.0, 403);
    for path in ["slack", "telegram", "mattermost", "pagerduty"] {
        let request = world.http().post(world.url(&format!("/hooks/{path}"))).body(body.clone());
        let status = request.send().await.expect("an answer").status().as_u16();
        assert!(matches!(status, 400 | 403), "{path}: {status}");
    }
    for path in ["voice", "gotify", "nothing", "ntfy"] {
        let request = world.http().post(world.url(&format!("/hooks/{path}"))).body(body.clone());
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 404, "{path}");
    }
    world.expect_status(1, Status::Triggered).await;
}

#[tokio::test]
async fn a_provider_that_is_down_lets_the_phone_ring() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "slack:U1""#, r#"["chat", "phone after 20m"]"#).await;
    // Refused for good, with status 200.
    server.answer("postMessage", 200, json!({"ok": false, "error": "channel_not_found"}));
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.nagios("RECOVERY", "OK").await;

    // Trouble that may pass is tried five times, within two minutes.
    for (status, body) in [(429, json!(null)), (503, json!(null)), (200, json!({"ok": false, "error": "ratelimited"}))]
    {
        server.answer("postMessage", status, body);
    }
    server.answer("postMessage", 200, json!("gibberish"));
    server.answer("postMessage", 500, json!(null));
    server.take("");
    world.advance_minutes(5).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..12 {
        world.advance(SignedDuration::from_secs(10)).await;
    }
    assert_eq!(server.take("postMessage").len(), 5);
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
}

#[tokio::test]
async fn an_answer_may_come_before_the_provider_has_answered_us() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "slack:U1""#, r#"["chat", "phone after 2m"]"#).await;
    // The id of the notification is known once it is planned; a click on the second page acts on it while it is sent.
    world.nagios("PROBLEM", "CRITICAL").await;
    let acknowledge = button(&server.take("/slack/")[0].1, "acknowledge");
    let timestamp = world.now().as_second().to_string();
    *server.calls_first.lock().expect("lock") = Some((world.url("/hooks/slack"), timestamp, click("U1", &acknowledge)));
    world.deliver("x@y.example", &["db@alerts.example.com"], b"Subject: other\r\n\r\nx\r\n").await;
    world.advance(SignedDuration::from_secs(5)).await;
    world.expect_status(1, Status::Acknowledged).await;
    world.expect_status(2, Status::Triggered).await;
    assert!(server.take("chat.update").iter().any(|(_, body)| body["ts"] == "1.5"));
    world.advance_minutes(3).await;
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.expect_status(2, Status::Acknowledged).await;
}

#[tokio::test]
async fn two_incidents_are_one_message() {
    two_incidents(None).await;
}

#[tokio::test]
async fn two_incidents_are_one_message_on_postgresql() {
    if let Some(database) = postgres::database().await {
        two_incidents(Some(&database)).await;
    }
}

async fn two_incidents(database: Option<&str>) {
    let (url, server) = Server::start().await;
    let contacts = r#"chat = "telegram:77", robot = "dingtalk:ops""#;
    let mut world = world_on(&url, contacts, r#"["chat", "robot"]"#, database).await;
    for subject in ["one", "two"] {
        let raw = format!("Subject: {subject}\r\n\r\nx\r\n");
        world.deliver("x@y.example", &["db@alerts.example.com"], raw.as_bytes()).await;
    }
    world.settle().await;
    let [(_, message)] = &server.take("sendMessage")[..] else { panic!("one message") };
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("one") && text.contains("two"), "{text}");
    let [(path, _)] = &server.take("dingtalk")[..] else { panic!("one message") };
    assert!(path.contains("sign="), "the robot is in sign mode");

    // One click is for both.
    let data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"].clone();
    let query = json!({"callback_query": {
        "id": "9", "from": {"id": 77, "username": "eve"}, "data": data, "message": {"message_id": 1, "chat": {"id": 77}},
    }});
    let request = world.http().post(world.url("/hooks/telegram"));
    let request = request.header("x-telegram-bot-api-secret-token", format!("{CANARY}-hook"));
    assert_eq!(request.body(query.to_string()).send().await.expect("an answer").status().as_u16(), 200);
    world.settle().await;
    for number in [1, 2] {
        world.expect_status(number, Status::Acknowledged).await;
    }
    assert_eq!(server.take("editMessageText").len(), 1, "the message is changed once");
    assert_eq!(server.take("dingtalk").len(), 1, "the robot says it once");
}

#[tokio::test]
async fn what_was_handed_on_is_closed_by_our_key_and_answers_back() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"on = "pagerduty:db", board = "webhook:board""#, r#"["on", "board"]"#).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let [(_, trigger)] = &server.take("pagerduty")[..] else { panic!("one event") };
    assert_eq!(trigger["event_action"], "trigger");
    let [(path, board)] = &server.take("board")[..] else { panic!("one request") };
    assert!(path.contains(CANARY));
    assert_eq!(board["text"], "CRITICAL db: disk on db1 is CRITICAL");

    // Acknowledged there is acknowledged here, and not told there again.
    let told_at = world.now().to_string();
    let event = json!({"event": {
        "event_type": "incident.acknowledged", "occurred_at": world.now().to_string(),
        "agent": {"type": "user_reference", "id": "P1", "summary": "Eve"},
        "data": {"incident_key": trigger["dedup_key"]},
    }})
    .to_string();
    let signature = hex(&hmac_sha256(format!("{CANARY}-new").as_bytes(), &[event.as_bytes()]));
    for _ in 0..2 {
        let request =
            world.http().post(world.url("/hooks/pagerduty")).header("x-pagerduty-signature", format!("v1={signature}"));
        assert_eq!(request.body(event.clone()).send().await.expect("an answer").status().as_u16(), 200);
        world.settle().await;
    }
    assert_eq!(world.incident(1).await.acknowledged.expect("somebody").1, "Eve (P1) by pagerduty");
    assert_eq!(server.take("pagerduty"), []);
    assert_eq!(server.take("board").len(), 1, "the board is told once");
    // Told once more after it has run out here, it is no acknowledgement again.
    world.advance_minutes(31).await;
    world.expect_status(1, Status::Triggered).await;
    server.take("");
    let request =
        world.http().post(world.url("/hooks/pagerduty")).header("x-pagerduty-signature", format!("v1={signature}"));
    assert_eq!(request.body(event.clone()).send().await.expect("an answer").status().as_u16(), 200);
    world.expect_status(1, Status::Triggered).await;
    let later = event.replace(&told_at, &world.now().to_string());
    let signature = hex(&hmac_sha256(format!("{CANARY}-old").as_bytes(), &[later.as_bytes()]));
    let request =
        world.http().post(world.url("/hooks/pagerduty")).header("x-pagerduty-signature", format!("v1={signature}"));
    assert_eq!(request.body(later).send().await.expect("an answer").status().as_u16(), 200);
    world.settle().await;
    world.expect_status(1, Status::Acknowledged).await;
    server.take("");

    server.answer("pagerduty", 503, json!(null));
    world.nagios("RECOVERY", "OK").await;
    world.advance(SignedDuration::from_secs(6)).await;
    let resolves = server.take("pagerduty");
    assert_eq!(resolves.len(), 2, "trouble is tried again");
    for (_, resolve) in resolves {
        assert_eq!((&resolve["event_action"], &resolve["dedup_key"]), (&json!("resolve"), &trigger["dedup_key"]));
    }
}

#[tokio::test]
async fn a_page_that_was_overtaken_is_taken_back() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "slack:U1", on = "pagerduty:db""#, r#"["on"]"#).await;
    let resolve = world.url("/api/v1/incidents/1/resolve");
    *server.acts_first.lock().expect("lock") = Some((resolve, world.token.clone()));
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_status(1, Status::Resolved).await;
    let events = server.take("pagerduty");
    let actions: Vec<&Value> = events.iter().map(|(_, event)| &event["event_action"]).collect();
    assert_eq!(actions, ["trigger", "resolve"], "it was resolved while the trigger was on its way");
}

#[tokio::test]
async fn mattermost_changes_the_message_in_its_answer() {
    let (url, server) = Server::start().await;
    let mut world = world(&url, r#"chat = "mattermost:ops", push = "gotify:eve""#, r#"["chat", "push"]"#).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(server.take("gotify").len(), 1);
    let [(_, message)] = &server.take("mattermost")[..] else { panic!("one message") };
    let action = &message["attachments"][0]["actions"][0]["integration"];
    assert_eq!(action["url"], world.url("/hooks/mattermost"));
    let press = json!({"user_id": "m1", "user_name": "eve", "context": action["context"]});
    let request = world.http().post(world.url("/hooks/mattermost")).body(press.to_string());
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(answer["update"].to_string().contains("Acknowledged by eve"), "{answer}");
    world.settle().await;
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(server.take("mattermost"), [], "it shows already");
    assert_eq!(server.take("gotify").len(), 1, "the phone is told");
}

#[tokio::test]
async fn a_program_of_the_settings_is_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let text = format!(
        "[exec.siren]\nprogram = \"/bin/sh\"\narguments = [\"-c\", \"cat >> {}\"]\n\
         [rooms]\nhall = \"exec:siren\"\n[policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"room:hall\"] }}]\n\
         [services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n",
        file.display()
    );
    let mut world = World::new(&text).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.nagios("RECOVERY", "OK").await;
    let heard = std::fs::read_to_string(&file).expect("the program has run");
    let heard: Vec<Value> = heard.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let types: Vec<&Value> = heard.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["incident.paged", "incident.resolved"]);
    assert_eq!(heard[0]["address"], "siren");
}

#[tokio::test]
async fn who_wants_no_follow_ups_gets_none() {
    let (url, server) = Server::start().await;
    let quiet = "[\"push\", \"on\"]\nfollow_ups = false";
    let mut world = world(&url, r#"push = "gotify:eve", on = "pagerduty:db""#, quiet).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.nagios("RECOVERY", "OK").await;
    assert_eq!(server.take("gotify").len(), 1);
    assert_eq!(server.take("pagerduty").len(), 2, "a program is told all the same");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_seen_by_their_provider_only() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(move || writer.clone());
    // With a single subscriber, what other tests' threads run first would be thought of as never logged.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (url, server) = Server::start().await;
    let contacts = r#"a = "slack:U1", b = "telegram:77", c = "pagerduty:db", d = "mattermost:ops", e = "dingtalk:ops",
        f = "gotify:eve", g = "webhook:board""#;
    let contacts = contacts.replace('\n', " ");
    let mut world = world(&url, &contacts, r#"["a", "b", "c", "d", "e", "f", "g"]"#).await;
    server.answer("dingtalk", 500, json!(null));
    server.answer("mattermost", 404, json!(null));
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance(SignedDuration::from_secs(10)).await;
    world.nagios("RECOVERY", "OK").await;
    assert!(server.take("").iter().any(|(path, _)| path.contains(CANARY)), "the providers see them");
    let logged = String::from_utf8_lossy(&log.0.lock().expect("lock")).into_owned();
    assert!(logged.contains("by dingtalk"), "{logged}");
    assert!(!logged.contains(CANARY), "{logged}");
    for path in ["/api/v1/people", "/api/v1/incidents", "/api/v1/incidents/1"] {
        let (status, body) = world.get(path).await;
        assert_eq!(status, 200);
        assert!(!body.to_string().contains(CANARY), "{body}");
    }
    let notifications = world.running.engine.store().notifications(1).await.expect("readable");
    assert_eq!(notifications.len(), 7);
    assert!(!format!("{notifications:?}").contains(CANARY));
}
