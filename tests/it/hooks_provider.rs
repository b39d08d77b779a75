//! One pretend provider for all channels: it records what it is asked, answers as it is told, and may call back before
//! it answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde_json::Value;

use crate::world::World;

/// A request that it got.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> String {
        field(self.path.split_once('?').map_or("", |(_, query)| query), name)
    }

    /// A value of a form.
    pub(crate) fn field(&self, name: &str) -> String {
        field(&self.body, name)
    }
}

fn field(form: &str, name: &str) -> String {
    let mut fields = url::form_urlencoded::parse(form.as_bytes());
    fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What somebody does at the provider, as it comes to us.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Where; whole, or from `/hooks` on.
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Call {
    /// The same by somebody who does not know the secret: every long run of hex digits, be it a token or a signature,
    /// is turned round.
    pub(crate) fn forged(&self) -> Self {
        let headers = self.headers.iter().map(|(name, value)| (*name, turned(value))).collect();
        Self { url: turned(&self.url), headers, body: turned(&self.body) }
    }

    /// Makes the call; the status, and what is answered.
    pub(crate) async fn make(&self, gateway: &str) -> (u16, String) {
        let url = if self.url.starts_with('/') { format!("{gateway}{}", self.url) } else { self.url.clone() };
        let client = nightcall::notify::http_client().expect("a client");
        let mut request = client.post(url).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }
}

fn turned(text: &str) -> String {
    let (mut done, mut run) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        let turn = run.len() >= 20;
        done.extend(if turn { run.chars().rev().collect::<Vec<char>>() } else { run.chars().collect() });
        run.clear();
        done.extend(Some(c).filter(|c| *c != '\0'));
    }
    done
}

/// What somebody does about a page, given the request that told of it.
pub(crate) type Press = fn(&Asked, Timestamp) -> Call;

/// What is done before a request is answered, given the request.
type First = Box<dyn FnOnce(&Asked) -> Call + Send>;

/// Status and body of an answer.
pub(crate) type Answered = (u16, &'static str);

pub(crate) struct Provider {
    asked: Mutex<Vec<Asked>>,
    /// What is answered when nothing else is said.
    fine: Answered,
    /// What is answered next.
    next: Mutex<VecDeque<Answered>>,
    /// Done before the next request is answered, at a gateway that is here.
    first: Mutex<Option<(First, String)>>,
}

impl Provider {
    pub(crate) async fn start(fine: Answered) -> (String, Arc<Self>) {
        let provider = Self { asked: Mutex::default(), fine, next: Mutex::default(), first: Mutex::default() };
        let provider = Arc::new(provider);
        let router = Router::new().fallback(serve).with_state(Arc::clone(&provider));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, provider)
    }

    /// What was asked since it was last looked.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().expect("lock"))
    }

    /// The only request since it was last looked.
    pub(crate) fn only(&self, what: &str) -> Asked {
        let mut asked = self.take();
        assert_eq!(asked.len(), 1, "{what}: {asked:?}");
        asked.remove(0)
    }

    pub(crate) fn answer(&self, answered: Answered, times: usize) {
        self.next.lock().expect("lock").extend(std::iter::repeat_n(answered, times));
    }

    /// Somebody is so fast that the provider tells it before it has answered our request.
    pub(crate) fn press_first(&self, press: Press, world: &World) {
        let now = world.now();
        *self.first.lock().expect("lock") = Some((Box::new(move |asked| press(asked, now)), world.url("")));
    }

    /// The provider takes so long that an incident is over before it answers.
    pub(crate) fn resolve_first(&self, number: i64, world: &World) {
        let url = format!("/api/v1/incidents/{number}/resolve");
        let headers = vec![("authorization", format!("Bearer {}", world.token))];
        let call = Call { url, headers, body: String::new() };
        *self.first.lock().expect("lock") = Some((Box::new(move |_| call), world.url("")));
    }
}

async fn serve(State(provider): State<Arc<Provider>>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("UTF-8"),
    };
    provider.asked.lock().expect("lock").push(asked.clone());
    let first = provider.first.lock().expect("lock").take();
    if let Some((first, gateway)) = first {
        let (status, said) = first(&asked).make(&gateway).await;
        assert_eq!(status, 200, "{said}");
    }
    let (status, body) = provider.next.lock().expect("lock").pop_front().unwrap_or(provider.fine);
    (StatusCode::from_u16(status).expect("a status"), body)
}

/// A gateway where Eve is told by this contact, and by phone 20 minutes later.
pub(crate) async fn world(server: &str, settings: &str, contact: &str) -> World {
    let settings = settings.replace("SERVER", server);
    World::new(&format!(
        r#"
{settings}
[users.eve]
contacts = {{ it = "{contact}", phone = "voice:+15005550003" }}
high = ["it", "phone after 20m"]
[policies.default]
steps = [{{ delay = "40m", targets = ["eve"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    ))
    .await
}
