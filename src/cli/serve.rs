//! `serve`: run the gateway until told to stop; read definitions again on HUP.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigArg;
use crate::app::{self, Drive, Running, Sockets};
use crate::clock::Clock;
use crate::definitions::watch::{FileWatch, Watch};
use crate::smtp::tls::Files;

pub(crate) async fn run(config: &ConfigArg) -> anyhow::Result<()> {
    // Every connection is a file descriptor, and the usual soft limit is 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let loaded = config.load()?;
    // Asked in another thread each time: a file system that hangs must hold up nothing else.
    let certificate = loaded.settings.smtp_tls.as_ref().map(Files::paths).unwrap_or_default();
    let definitions = Watch::start(&config.config, loaded.settings.rules.as_deref(), Clock::System.now());
    let mut watches = Some((definitions, FileWatch::start(certificate)));
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    let running = app::start_on(Sockets::inherited()?, loaded, Clock::System, Drive::Background).await?;
    let smtp: Vec<String> = running.smtp_addresses.iter().map(ToString::to_string).collect();
    tracing::info!("nightcall is ready: SMTP on {}, HTTP on {}", smtp.join(" and "), running.http_address);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                reload(config, &running);
                running.reload_certificate();
            }
            _ = ticks.tick() => if let Some((mut definitions, mut certificate)) = watches.take() {
                let look = move || {
                    let changed = (definitions.has_changed(Clock::System.now()), certificate.has_changed());
                    (changed, (definitions, certificate))
                };
                let answer = tokio::task::spawn_blocking(look).await;
                let ((definitions_changed, certificate_changed), looked) =
                    answer.context("watching the files failed")?;
                watches = Some(looked);
                if definitions_changed {
                    reload(config, &running);
                }
                if certificate_changed {
                    running.reload_certificate();
                }
            },
            () = running.failed() => anyhow::bail!("a part of the gateway failed; the service manager should start it again"),
        }
    }
    tracing::info!("stopping: mail being sent may finish");
    let stopping = async {
        if running.shut_down().await {
            tracing::info!("stopped");
        } else {
            tracing::warn!("stopped before every connection had ended; nothing accepted was lost");
        }
    };
    tokio::select! {
        () = stopping => {}
        _ = interrupt.recv() => tracing::warn!("stopped at once; nothing accepted was lost"),
    }
    Ok(())
}

/// How often definition files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Puts new definitions in force, or says what is wrong with them and keeps the old ones.
fn reload(config: &ConfigArg, running: &Running) {
    match crate::definitions::load(&config.config, Clock::System.now()) {
        Ok(loaded) => {
            let version = loaded.definitions.version.clone();
            if let Err(error) = running.reload(loaded.definitions) {
                tracing::error!("{error}; the old definitions stay in force");
                running.engine.in_force().keep(error.to_string());
                return;
            }
            running.reload_users(&loaded.settings.smtp.users);
            tracing::info!(
                "definitions and [smtp.users] were read again and are version {version}; any other change of [smtp], of \
                 [http], [database] or a channel needs a restart"
            );
        }
        Err(problems) => {
            let more = match problems.0.len() {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
            running.engine.in_force().keep(first + &more);
            for problem in &problems.0 {
                tracing::error!("{problem}");
            }
            tracing::error!("the definitions have problems, so the old ones stay in force");
        }
    }
}
