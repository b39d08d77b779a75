//! A pretend provider of calls and texts that can be scripted: it takes, refuses, takes and then breaks off, and
//! remembers what it was asked. A story has several.

use std::sync::{Arc, Mutex};

use nightcall::notify::form;
use nightcall::notify::voice::signature;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const ACCOUNT: &str = "AC11111111111111111111111111111111";

/// What it does with the next requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// Answers with this status.
    Refuses(u16),
    /// Takes what is to be said, and never answers.
    TakesAndBreaksOff,
    /// Breaks off before it has taken anything.
    BreaksOff,
}

/// A call or a text it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sid: String,
    pub(crate) to: String,
    /// The text, the TwiML, or where it is fetched.
    pub(crate) says: String,
    /// Where its end is told.
    pub(crate) status_url: String,
    pub(crate) state: String,
}

#[derive(Debug)]
struct Inside {
    mood: Mood,
    made: Vec<Made>,
    /// Requests to say something, whatever came of them.
    asked: usize,
    now: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) base_url: String,
    pub(crate) token: &'static str,
    inside: Arc<Mutex<Inside>>,
}

impl Exchange {
    pub(crate) async fn start(token: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let inside = Inside { mood: Mood::Takes, made: Vec::new(), asked: 0, now: String::new() };
        let exchange = Self { base_url, token, inside: Arc::new(Mutex::new(inside)) };
        let serving = exchange.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        exchange
    }

    /// A section of the settings that sends through it; `name` is the key of its number.
    pub(crate) fn section(&self, heading: &str, name: &str) -> String {
        let Self { base_url, token, .. } = self;
        format!(
            "{heading}\nbase_url = \"{base_url}\"\naccount = \"{ACCOUNT}\"\ntoken = \"{token}\"\n{name} = \"+15005550006\"\n"
        )
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.inside.lock().expect("lock").mood = mood;
    }

    /// What its clock shows, in RFC 2822, for lists.
    pub(crate) fn shows(&self, now: jiff::Timestamp) {
        self.inside.lock().expect("lock").now = now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    }

    pub(crate) fn made(&self) -> Vec<Made> {
        self.inside.lock().expect("lock").made.clone()
    }

    pub(crate) fn last(&self) -> Made {
        self.made().pop().expect("it was asked to say something")
    }

    pub(crate) fn asked(&self) -> usize {
        self.inside.lock().expect("lock").asked
    }

    /// How a call or text stands from now on.
    pub(crate) fn stands(&self, sid: &str, state: &str) {
        let mut inside = self.inside.lock().expect("lock");
        let made = inside.made.iter_mut().find(|made| made.sid == sid).expect("it has taken that");
        state.clone_into(&mut made.state);
    }

    async fn serve(&self, mut stream: TcpStream) {
        // One request a connection keeps this short.
        let mut bytes = Vec::new();
        let (head, body_at) = loop {
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
                _ => return,
            }
            if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
                break (String::from_utf8_lossy(&bytes[..at]).into_owned(), at + 4);
            }
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        while bytes.len() < body_at + length.unwrap_or(0) {
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((status, body)) = self.answer(method, path, &form::read(&bytes[body_at..])) {
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    }

    /// What is answered; nothing breaks off.
    fn answer(&self, method: &str, path: &str, pairs: &[(String, String)]) -> Option<(u16, Value)> {
        let mut inside = self.inside.lock().expect("lock");
        let resource = path.split('?').next().unwrap_or_default();
        let resource = resource.strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT}/")).unwrap_or_default();
        let list = |inside: &Inside, kind: &str| -> Vec<Value> {
            let of_kind = inside.made.iter().filter(|made| made.sid.starts_with(kind)).rev();
            of_kind.map(|made| described(made, &inside.now)).collect()
        };
        match (method, resource) {
            ("GET", "Calls.json") => Some((200, json!({"calls": list(&inside, "CA")}))),
            ("GET", "Messages.json") => Some((200, json!({"messages": list(&inside, "SM")}))),
            ("POST", "Calls.json" | "Messages.json") => {
                inside.asked += 1;
                let mood = inside.mood;
                if let Mood::Refuses(status) = mood {
                    return Some((status, json!({"code": 20500})));
                }
                if mood == Mood::BreaksOff {
                    return None;
                }
                let kind = if resource == "Calls.json" { "CA" } else { "SM" };
                let value = |name| form::value(pairs, name).to_owned();
                let says = ["Body", "Twiml", "Url"].into_iter().map(value).find(|text| !text.is_empty());
                let made = Made {
                    sid: format!("{kind}{}{:030}", self.token.len() % 10, inside.made.len() + 1),
                    to: value("To"),
                    says: says.unwrap_or_default(),
                    status_url: value("StatusCallback"),
                    state: "queued".to_owned(),
                };
                inside.made.push(made.clone());
                (mood == Mood::Takes).then(|| (201, described(&made, &inside.now)))
            }
            (_, one) => {
                let sid = one.strip_prefix("Calls/").and_then(|rest| rest.strip_suffix(".json")).unwrap_or_default();
                let now = inside.now.clone();
                let Some(made) = inside.made.iter_mut().find(|made| made.sid == sid) else {
                    return Some((404, json!({"code": 20404})));
                };
                if method == "POST" && matches!(made.state.as_str(), "queued" | "ringing") {
                    form::value(pairs, "Status").clone_into(&mut made.state);
                }
                Some((200, described(made, &now)))
            }
        }
    }

    /// Posts a form as this provider signs it: status, and what was answered.
    pub(crate) async fn post(&self, url: &str, pairs: &[(&str, &str)]) -> (u16, String) {
        let owned: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let signed = signature::header(self.token, url, &owned);
        let client = nightcall::notify::http_client().expect("a client");
        let response = client.post(url).header("X-Twilio-Signature", signed).form(&owned).send().await;
        let response = response.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }
}

fn described(made: &Made, now: &str) -> Value {
    json!({
        "sid": made.sid, "status": made.state, "to": made.to, "from": "+15005550006", "body": made.says,
        "direction": "outbound-api", "date_created": now, "start_time": null,
    })
}
