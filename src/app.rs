//! Wiring only: settings → store → engine → doors and workers, and how they stop.

mod mailroom;
mod sockets;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::sockets::Sockets;
use crate::clock::Clock;
use crate::definitions::draft::WORKBENCH;
use crate::definitions::{Loaded, with_probe};
use crate::disk::Disk;
use crate::domain::Definitions;
use crate::engine::{Engine, audit, timer};
use crate::http::health::{CertificateInUse, Counted, Readiness};
use crate::http::oidc::Provider;
use crate::http::origin::Proxies;
use crate::notify::calendar::Calendars;
use crate::notify::console::Console;
use crate::notify::http::Http;
use crate::notify::mail::answers::Answers;
use crate::notify::mail::post::Post;
use crate::notify::voice::watch::Watch;
use crate::notify::ways::Ways;
use crate::notify::web_push::phones::Phones;
use crate::notify::worker::Worker;
use crate::notify::{Channels, Secret, callback, http_client, sms, voice};
use crate::settings::Settings;
use crate::smtp::listener::Listener;
use crate::smtp::tls::Tls;
use crate::smtp::users::Users;
use crate::store::Store;
use crate::{http, probe, smtp};

/// How long stopping may take, from the signal to the end of the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// Who moves timers and sends notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// Tasks in the background, as in production.
    Background,
    /// The caller, by [`Running::settle`]: for stories told with a manual clock.
    ByHand,
}

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    /// Where SMTP really listens, in the order of the settings, which may ask for any free port.
    pub smtp_addresses: Vec<SocketAddr>,
    /// Where HTTP really listens.
    pub http_address: SocketAddr,
    /// The engine.
    pub engine: Arc<Engine>,
    tls: Option<Arc<Tls>>,
    users: Arc<Users>,
    certificate: Arc<CertificateInUse>,
    channels: Arc<Channels>,
    worker: Worker,
    /// Probe mails are sent.
    probed: bool,
    calendars: Calendars,
    watch: tokio::sync::Mutex<Watch>,
    stop: CancellationToken,
    died: CancellationToken,
    tasks: TaskTracker,
}

/// Starts everything. When this returns, both doors accept.
///
/// # Errors
/// When the database or an address cannot be used; the chain says what and why.
pub async fn start(loaded: Loaded, clock: Clock, drive: Drive) -> anyhow::Result<Running> {
    start_on(Sockets::default(), loaded, clock, drive).await
}

/// The same with sockets that are open already.
///
/// # Errors
/// As [`start`], and when one of the sockets is for nobody.
pub async fn start_on(mut sockets: Sockets, loaded: Loaded, clock: Clock, drive: Drive) -> anyhow::Result<Running> {
    let Loaded { settings, definitions } = loaded;
    let Bound { smtp: smtp_listeners, smtp_addresses, http: http_listener, http_address } =
        bind(&mut sockets, &settings).await?;
    let node = node_name(http_address);
    let (readiness, probed) = (Arc::new(Readiness::default()), settings.dead_man.is_some());
    let definitions = if probed { with_probe(definitions) } else { definitions };
    let engine = open_engine(&node, &settings.database_url, definitions, clock).await?;
    readiness.wrote();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let client = http_client().context("cannot set up HTTPS for the channels")?;
    let channels = Arc::new(channels(&settings, &engine, &client).await?);
    let (pages, calendars) = (pages(&settings, &client, &stop), Calendars::new(Arc::clone(&engine), client.clone()));
    let worker = Worker::new(Arc::clone(&engine), Arc::clone(&channels));
    let background = Background { tasks: tasks.clone(), died: CancellationToken::new() };

    let mut registry = Registry::with_prefix("nightcall");
    let open_door = open_door(&settings.smtp_listeners, &smtp_addresses);
    let tls = open_tls(settings.smtp_tls)?;
    let disk = Disk::of_database(&settings.database_url, settings.smtp.free_bytes_min);
    let door =
        Arc::new(smtp_door(settings.smtp, (&engine, &channels), &disk, &mut registry, &stop).with_tls(tls.clone()));
    background.run("the look at the disk", Arc::clone(&disk).watch(stop.child_token()));
    background.serve_smtp(&door, settings.smtp_listeners, smtp_listeners);

    if let Some(config) = settings.dead_man {
        let prober = prober(&engine, open_door, client, config, &mut registry)?;
        if drive == Drive::Background {
            background.run("the dead man's switch", prober.run(stop.child_token()));
        }
    }

    let certificate = Arc::new(CertificateInUse::default());
    let shared = http::Shared {
        engine: Arc::clone(&engine),
        readiness: Arc::clone(&readiness),
        proxies: Proxies::new(settings.http_proxy, &mut registry),
        registry,
        counted: Counted::default(),
        certificate: Arc::clone(&certificate),
        disk,
        api: http::api::Setup::new(settings.requests_per_minute),
        node: node.clone(),
        pages,
        workbench: WORKBENCH,
    };
    let router = routes(shared, &engine, &channels, &background);
    background.run("the HTTP door", http::server::serve(http_listener, http::bounded(router), stop.child_token()));

    let (proving, prover) = (Arc::clone(&engine), stop.child_token());
    background.run("the readiness check", async move { readiness.prove(&proving, &node, prover).await });
    let running = Running {
        watch: tokio::sync::Mutex::new(Watch::new(Arc::clone(&engine), Arc::clone(&channels))),
        smtp_addresses,
        http_address,
        engine,
        tls,
        users: Arc::clone(&door.config.users),
        certificate,
        channels,
        worker,
        calendars,
        probed,
        stop,
        died: background.died.clone(),
        tasks,
    };
    if drive == Drive::Background {
        running.run_in_background(&background).await;
    }
    running.tasks.close();
    running.show_certificate();
    Ok(running)
}

/// The engine, on a database that has just been written to.
async fn open_engine(node: &str, url: &str, definitions: Definitions, clock: Clock) -> anyhow::Result<Arc<Engine>> {
    let store = Store::open(url).await.context("cannot use the database")?;
    store.touch(node, clock.now()).await.context("cannot write to the database")?;
    let engine = Engine::start(store, clock, definitions);
    engine.learn_calendars().await.context("cannot read the calendars in the database")?;
    engine.tell_definitions(node).await.context("cannot tell the trail which definitions are in force")?;
    // Made now, so that looking at a page makes nothing.
    let new = http::auth::mint_secret();
    let secret = engine.store().secret_or(http::feeds::SECRET, &new, engine.clock().now()).await;
    secret.context("cannot keep a secret for feeds")?;
    Ok(engine)
}

/// The certificate of the SMTP door, where it has one.
fn open_tls(files: Option<smtp::tls::Files>) -> anyhow::Result<Option<Arc<Tls>>> {
    let tls = files.map(|files| Tls::open(files).map(Arc::new)).transpose();
    tls.context("cannot offer TLS for SMTP (section smtp.tls)")
}

/// The SMTP door, before it has a certificate.
fn smtp_door(
    config: smtp::server::Config,
    (engine, channels): (&Arc<Engine>, &Arc<Channels>),
    disk: &Arc<Disk>,
    registry: &mut Registry,
    stop: &CancellationToken,
) -> smtp::server::Door<mailroom::Mailroom> {
    let counters = smtp::server::Counters::default();
    counters.register(registry);
    disk.register(registry);
    let mailroom = Arc::new(mailroom(engine, channels));
    let door = smtp::server::Door::new(config, mailroom, counters, engine.clock().clone(), stop.child_token());
    door.on_disk(Arc::clone(disk))
}

/// How people come in to the pages.
fn pages(settings: &Settings, client: &reqwest::Client, stop: &CancellationToken) -> http::pages::Setup {
    let provider = settings.sign_in.provider.clone().map(|config| Provider::new(config, client.clone()));
    let setup = http::pages::Setup::new(settings.public_url.clone(), stop.child_token());
    setup.with_sign_in(provider, settings.sign_in.passwords)
}

/// Everything that HTTP answers, and what looks for news of it.
fn routes(
    shared: http::Shared,
    engine: &Arc<Engine>,
    channels: &Arc<Channels>,
    background: &Background,
) -> axum::Router {
    let shared = Arc::new(shared);
    background.run("the look for news", http::pages::live::watch(Arc::clone(&shared)));
    let mut router =
        http::router(Arc::clone(&shared)).merge(callback::router(Arc::clone(engine), Arc::clone(channels)));
    if let Some(config) = &channels.voice {
        router = router.merge(voice::callback::router(Arc::clone(engine), config.clone()));
    }
    if let Some(setup) = &channels.setup.sms {
        router = router.merge(sms::callback::router(Arc::clone(engine), setup.clone()));
    }
    http::seen_at_once(router, shared)
}

/// Services, and those who hear answers to mail that we sent.
fn mailroom(engine: &Arc<Engine>, channels: &Arc<Channels>) -> mailroom::Mailroom {
    let answers = channels.mail.as_ref();
    let answers = answers.map(|post| Answers::new(Arc::clone(engine), Arc::clone(channels), Arc::clone(post)));
    mailroom::Mailroom::new(Arc::clone(engine), answers)
}

/// Sockets that listen, and where they really do.
struct Bound {
    smtp: Vec<TcpListener>,
    smtp_addresses: Vec<SocketAddr>,
    http: TcpListener,
    http_address: SocketAddr,
}

async fn bind(sockets: &mut Sockets, settings: &Settings) -> anyhow::Result<Bound> {
    let mut smtp = Vec::new();
    for listener in &settings.smtp_listeners {
        smtp.push(sockets.listen(listener.address, "SMTP", "smtp.listen").await?);
    }
    let http = sockets.listen(settings.http_listen, "HTTP", "http.listen").await?;
    sockets.nothing_left()?;
    let smtp_addresses = smtp.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
    let http_address = http.local_addr()?;
    Ok(Bound { smtp, smtp_addresses, http, http_address })
}

/// Where mail is taken from this machine as it is.
fn open_door(listeners: &[Listener], addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let mut doors = listeners.iter().zip(addresses);
    doors.find(|(listener, _)| listener.is_open_at_home()).map(|(_, address)| *address)
}

/// The dead man's switch; its mails come in by the first listener that takes mail from this machine as it is.
fn prober(
    engine: &Arc<Engine>,
    open_door: Option<SocketAddr>,
    client: reqwest::Client,
    config: probe::Config,
    registry: &mut Registry,
) -> anyhow::Result<probe::Prober> {
    let counters = probe::Counters::default();
    counters.register(registry);
    let missing = "the dead man's switch ([dead_man]) needs an SMTP listener without require_tls and require_auth";
    Ok(probe::Prober::new(Arc::clone(engine), open_door.context(missing)?, client, config, counters))
}

/// Runs what must never end by itself.
struct Background {
    tasks: TaskTracker,
    died: CancellationToken,
}

impl Background {
    /// Accepts mail at every listener.
    fn serve_smtp(
        &self,
        door: &Arc<smtp::server::Door<mailroom::Mailroom>>,
        listeners: Vec<Listener>,
        sockets: Vec<TcpListener>,
    ) {
        for (listener, socket) in listeners.into_iter().zip(sockets) {
            let serving = smtp::server::serve(Arc::clone(door), Arc::new(listener), socket);
            self.run("an SMTP listener", serving);
        }
    }

    /// Runs a task; should it panic, the whole process is to end, because half a gateway pages nobody.
    fn run(&self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let died = self.died.clone();
        self.tasks.spawn(async move {
            if let Err(error) = tokio::spawn(task).await {
                tracing::error!(%error, "{what} failed");
                died.cancel();
            }
        });
    }
}

/// The row of this node: its machine, and its port, because a machine may have several.
fn node_name(http: SocketAddr) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let machine = machine.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    format!("{}:{}", machine.unwrap_or_else(|| "node".to_owned()), http.port())
}

/// Least time between two calls: what an account of a telephone provider may place, with some room.
const CALLS_APART: SignedDuration = SignedDuration::from_millis(1100);

/// What signs addresses for answers, in the database: made once, the same on every node.
const MAIL_SECRET: &str = "mail";

async fn channels(settings: &Settings, engine: &Arc<Engine>, client: &reqwest::Client) -> anyhow::Result<Channels> {
    let http = Http::new(client.clone(), &settings.channels.allowed).context("cannot set up HTTPS for the channels")?;
    let web_push = settings.channels.web_push.clone();
    if web_push.is_some() {
        // Made now, so that looking at a page makes nothing.
        engine.push_key().await.context("cannot keep a key for web push")?;
    }
    let mut mail = None;
    if let Some(settings) = &settings.channels.mail {
        let new = http::auth::mint_secret();
        let secret = engine.store().secret_or(MAIL_SECRET, &new, engine.clock().now()).await;
        let secret = Secret::new(secret.context("cannot keep a secret for mail")?);
        mail = Some(Arc::new(Post::open(settings, secret).map_err(anyhow::Error::msg)?));
    }
    Ok(Channels {
        console: Console::start(),
        voice: settings.voice.clone(),
        mail,
        web_push: web_push.map(|config| Phones::new(Arc::clone(engine), http.clone(), config)),
        setup: settings.channels.clone(),
        http,
        ways: Ways::new(Arc::clone(engine)),
        engine: Arc::clone(engine),
    })
}

impl Running {
    /// Where the first SMTP listener really listens.
    pub fn smtp_address(&self) -> SocketAddr {
        self.smtp_addresses.first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Moves timers, sends notifications, looks after calls, reads calendars and looks for what is forgotten.
    async fn run_in_background(&self, background: &Background) {
        let stop = || self.stop.child_token();
        self.engine.pulses().timer_beats();
        self.engine.pulses().worker_beats();
        self.engine.pace_calls(CALLS_APART);
        background.run("the timer", timer::run(Arc::clone(&self.engine), stop()));
        background.run("the worker", self.worker.clone().run(stop()));
        background.run("the reader of calendars", self.calendars.clone().run(stop()));
        background.run("the watch over calls", self.watch.lock().await.clone().run(stop()));
        background.run("the keeper of the database's log", self.engine.store().clone().keep_log_short(stop()));
        background.run("the auditor", audit::run(Arc::clone(&self.engine), stop()));
    }

    /// Puts new definitions in force.
    ///
    /// # Errors
    /// When somebody in them can only be reached by a channel that this process was not started with.
    pub fn reload(&self, definitions: Definitions) -> anyhow::Result<()> {
        if let Some((user, channel)) = self.channels.missing(&definitions.roster) {
            anyhow::bail!(
                "{user} is to be reached by {channel}, which was not set up at the start; a restart is needed"
            );
        }
        self.engine.replace_definitions(if self.probed { with_probe(definitions) } else { definitions });
        let (engine, node) = (Arc::clone(&self.engine), node_name(self.http_address));
        // They are in force whatever the database does; the trail is told as soon as it can be.
        self.tasks.spawn(async move {
            if let Err(error) = engine.tell_definitions(&node).await {
                tracing::error!(%error, "the trail could not be told that definitions were replaced");
            }
        });
        Ok(())
    }

    /// Takes over who has a password at the SMTP door. Listeners offer AUTH if somebody had one at the start.
    pub fn reload_users(&self, users: &Users) {
        if self.users.is_empty() && !users.is_empty() {
            tracing::warn!("[smtp.users] has its first users; AUTH is offered after a restart");
        }
        self.users.replace(users);
    }

    /// Reads the certificate of the SMTP door again, if it has one. With a problem in the files the one in use
    /// stays, and the log and `/readyz` say so.
    pub fn reload_certificate(&self) {
        let Some(tls) = &self.tls else { return };
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!("{error}; the old certificate stays in use"),
        }
        self.show_certificate();
    }

    fn show_certificate(&self) {
        if let Some(tls) = &self.tls {
            self.certificate.show(tls.current().expires_at(), tls.problem());
        }
    }

    /// Waits until a part of the gateway has failed for good.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.died.cancelled() => {}
            () = self.engine.committer_ended() => {}
        }
    }

    /// Handles timers and notifications until nothing is due, by hand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn settle(&self) -> anyhow::Result<()> {
        while timer::run_due(&self.engine).await? + self.worker.run_due().await? > 0 {}
        Ok(())
    }

    /// Looks after calls under way, by hand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn watch_calls(&self) -> anyhow::Result<()> {
        Ok(self.watch.lock().await.look().await?)
    }

    /// Asks for the calendars that are due, by hand; how many.
    pub async fn fetch_calendars(&self) -> usize {
        self.calendars.fetch_due().await
    }

    /// Stops gently: no new connections, mail in DATA may finish, what is in flight is stored. Returns whether
    /// everything ended in time.
    pub async fn shut_down(self) -> bool {
        self.stop.cancel();
        let in_time = tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await.is_ok();
        // Closing waits for open transactions, and a client that never ends its mail holds none.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.engine.store().close()).await;
        in_time
    }
}
