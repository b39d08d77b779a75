//! Wiring only: settings → store → engine → doors and workers, and how they stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::definitions::{Loaded, with_probe};
use crate::domain::Definitions;
use crate::engine::{Engine, audit, timer};
use crate::http::health::{Counted, Readiness};
use crate::notify::calendar::Calendars;
use crate::notify::console::Console;
use crate::notify::http::Http;
use crate::notify::worker::Worker;
use crate::notify::{Channels, callback, http_client, voice};
use crate::settings::Settings;
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
    /// Where SMTP really listens; the settings may ask for any free port.
    pub smtp_address: SocketAddr,
    /// Where HTTP really listens.
    pub http_address: SocketAddr,
    /// The engine.
    pub engine: Arc<Engine>,
    channels: Arc<Channels>,
    worker: Worker,
    /// Probe mails are sent.
    probed: bool,
    calendars: Calendars,
    stop: CancellationToken,
    died: CancellationToken,
    tasks: TaskTracker,
}

/// Starts everything. When this returns, both doors accept.
///
/// # Errors
/// When the database or an address cannot be used; the chain says what and why.
pub async fn start(loaded: Loaded, clock: Clock, drive: Drive) -> anyhow::Result<Running> {
    let Loaded { settings, definitions } = loaded;
    let smtp_listener = bind(settings.smtp_listen, "SMTP", "smtp.listen").await?;
    let http_listener = bind(settings.http_listen, "HTTP", "http.listen").await?;
    let (smtp_address, http_address) = (smtp_listener.local_addr()?, http_listener.local_addr()?);
    let store = Store::open(&settings.database_url).await.context("cannot use the database")?;
    let readiness = Arc::new(Readiness::default());
    store.touch(NODE, clock.now()).await.context("cannot write to the database")?;
    readiness.wrote();

    let probed = settings.dead_man.is_some();
    let engine = Engine::start(store, clock, if probed { with_probe(definitions) } else { definitions });
    engine.learn_calendars().await.context("cannot read the calendars in the database")?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let client = http_client().context("cannot set up HTTPS for the channels")?;
    let channels = Arc::new(channels(&settings, &engine, &client)?);
    let calendars = Calendars::new(Arc::clone(&engine), client);
    let worker = Worker::new(Arc::clone(&engine), Arc::clone(&channels));
    let background = Background { tasks: tasks.clone(), died: CancellationToken::new() };

    let counters = smtp::server::Counters::default();
    let mut registry = Registry::with_prefix("nightcall");
    counters.register(&mut registry);
    let smtp = smtp::server::serve(smtp_listener, Arc::clone(&engine), settings.smtp, counters, stop.child_token());
    background.run("the SMTP door", smtp);

    if let Some(config) = settings.dead_man.clone() {
        let counters = probe::Counters::default();
        counters.register(&mut registry);
        let client = http_client().context("cannot set up HTTPS for the dead man's switch")?;
        let prober = probe::Prober::new(Arc::clone(&engine), smtp_address, client, config, counters);
        if drive == Drive::Background {
            background.run("the dead man's switch", prober.run(stop.child_token()));
        }
    }

    let shared = http::Shared {
        engine: Arc::clone(&engine),
        readiness: Arc::clone(&readiness),
        registry,
        counted: Counted::default(),
    };
    let mut router = http::router(Arc::new(shared));
    if let Some(config) = settings.voice {
        router = router.merge(voice::callback::router(Arc::clone(&engine), config));
    }
    let router = router.merge(callback::router(Arc::clone(&engine), Arc::clone(&channels)));
    background.run("the HTTP door", http::server::serve(http_listener, http::bounded(router), stop.child_token()));

    let (proving, prover) = (Arc::clone(&engine), stop.child_token());
    background.run("the readiness check", async move { readiness.prove(&proving, NODE, prover).await });
    if drive == Drive::Background {
        engine.pulses().timer_beats();
        engine.pulses().worker_beats();
        background.run("the timer", timer::run(Arc::clone(&engine), stop.child_token()));
        background.run("the worker", worker.clone().run(stop.child_token()));
        background.run("the reader of calendars", calendars.clone().run(stop.child_token()));
        background.run("the auditor", audit::run(Arc::clone(&engine), stop.child_token()));
    }
    tasks.close();
    let died = background.died;
    Ok(Running { smtp_address, http_address, engine, channels, worker, calendars, probed, stop, died, tasks })
}

/// Runs what must never end by itself.
struct Background {
    tasks: TaskTracker,
    died: CancellationToken,
}

impl Background {
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

/// The row of this node. One node has one database today.
const NODE: &str = "node";

async fn bind(address: SocketAddr, door: &str, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen for {door} on {address} (setting {setting})"))
}

fn channels(settings: &Settings, engine: &Engine, client: &reqwest::Client) -> anyhow::Result<Channels> {
    let http = Http::new(client.clone(), &settings.channels.allowed);
    Ok(Channels {
        console: Console::start(),
        voice: settings.voice.clone().map(|config| voice::Voice::new(client.clone(), config)),
        setup: settings.channels.clone(),
        http: http.context("cannot set up HTTPS for the channels")?,
        clock: engine.clock().clone(),
    })
}

impl Running {
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
        Ok(())
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
