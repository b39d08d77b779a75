//! The pages in a real browser: Debian's headless Chromium, led by its chromedriver. What is drawn, focused and asked for
//! is known there only.

mod hostile;
mod keyboard;
mod looks;
mod provider;
mod story;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use axum::http::Method;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::world::{World, skip};

/// How long a page may take to show what it must: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

const PHONE: u32 = 390;
const DESK: u32 = 1280;

/// A browser that has started, and the gateway that it looks at.
pub(crate) struct Browser {
    client: Client,
    origin: String,
    // Behind the client, so that it ends last.
    _driver: Driver,
}

/// chromedriver; it ends with all its browsers.
struct Driver {
    process: Child,
    port: u16,
    // What it says goes here; closed, it would end.
    _told: BufReader<ChildStdout>,
    _profile: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed, it would leave its browsers behind.
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            let request = "GET /shutdown HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    fn start() -> Option<Self> {
        let is_there = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(name).exists())
        };
        if !is_there("chromium") || !is_there("chromedriver") {
            skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)");
            return None;
        }
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts");
        let mut told = BufReader::new(process.stdout.take().expect("a pipe"));
        let port = loop {
            let mut line = String::new();
            assert_ne!(told.read_line(&mut line).expect("readable"), 0, "chromedriver ends before it is ready");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim().trim_end_matches('.').parse().expect("a port");
            }
        };
        let profile = tempfile::tempdir().expect("a folder");
        Some(Self { process, port, _told: told, _profile: profile })
    }
}

/// One command that the WebDriver standard does not have.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A browser for a gateway, or nothing where none is installed.
pub(crate) async fn browser(world: &World) -> Option<Browser> {
    let driver = tokio::task::spawn_blocking(Driver::start).await.expect("it does not panic")?;
    let profile = format!("--user-data-dir={}", driver._profile.path().display());
    // No name is resolved and no service of the browser's makers is asked; what a page asks for all the same is seen in
    // the log.
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        &profile,
    ];
    let capabilities = json!({
        "browserName": "chrome",
        // A dialog makes whatever comes next fail.
        "unhandledPromptBehavior": "ignore",
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": { "args": arguments },
    });
    let Value::Object(capabilities) = capabilities else { unreachable!("an object is written above") };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let connecting = builder.capabilities(capabilities);
    let address = format!("http://127.0.0.1:{}", driver.port);
    let client = connecting.connect(&address).await.expect("a browser starts");
    Some(Browser { client, origin: world.url(""), _driver: driver })
}

impl Browser {
    /// What Chromium's own protocol offers beyond the standard.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extra { path: "goog/cdp/execute", body }).await.expect("a command")
    }

    /// What a log has since it was asked for last.
    async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.client.issue_cmd(Extra { path: "se/log", body: json!({ "type": kind }) }).await.expect("a log");
        log.as_array().expect("a list").clone()
    }

    /// A window of this width, with a light or a dark ground.
    async fn wear(&self, width: u32, scheme: &str) {
        let is_phone = width == PHONE;
        let size = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let touch = json!({ "enabled": is_phone, "maxTouchPoints": 1 });
        self.devtools("Emulation.setTouchEmulationEnabled", touch).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Is signed in by a cookie as `nightcall=…`.
    async fn has(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').expect("a cookie");
        let set = json!({ "name": name, "value": value, "url": self.origin });
        assert_eq!(self.devtools("Network.setCookie", set).await["success"], true);
    }

    async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.expect("a page");
    }

    async fn js(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// Waits until an expression is true.
    async fn until(&self, expression: &str) {
        let script = format!("return !!({expression})");
        let waiting = async {
            // A page that is on its way to the next one answers nothing.
            while self.client.execute(&script, Vec::new()).await.ok() != Some(Value::Bool(true)) {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("never {expression}: {}", self.js("return document.body.innerText").await);
        }
    }

    /// The path of the page that is shown.
    async fn path(&self) -> String {
        self.js("return location.pathname").await.as_str().expect("text").to_owned()
    }

    async fn tap(&self, selector: &str) {
        let found = self.client.find(Locator::Css(selector)).await.unwrap_or_else(|_| panic!("no {selector}"));
        found.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// The same by XPath.
    async fn tap_on(&self, path: &str) {
        let found = self.client.find(Locator::XPath(path)).await.unwrap_or_else(|_| panic!("no {path}"));
        found.click().await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    async fn write(&self, selector: &str, text: &str) {
        let found = self.client.find(Locator::Css(selector)).await.unwrap_or_else(|_| panic!("no {selector}"));
        found.send_keys(text).await.expect("keys");
    }

    /// A key, to whatever has the focus.
    async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.expect("a key");
    }

    /// Ends the browser; a test that fails before leaves that to the driver.
    async fn close(self) {
        self.client.clone().close().await.expect("it ends");
    }
}
