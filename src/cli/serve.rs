//! `serve`: run the gateway until told to stop; read definitions again on HUP.

use tokio::signal::unix::{SignalKind, signal};

use super::ConfigArg;
use crate::app::{self, Drive, Running};
use crate::clock::Clock;

pub(crate) async fn run(config: &ConfigArg) -> anyhow::Result<()> {
    // Every connection is a file descriptor, and the usual soft limit is 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let running = app::start(config.load()?, Clock::System, Drive::Background).await?;
    tracing::info!("nightcall is ready: SMTP on {}, HTTP on {}", running.smtp_address, running.http_address);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(config, &running),
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

/// Puts new definitions in force, or says what is wrong with them and keeps the old ones.
fn reload(config: &ConfigArg, running: &Running) {
    match crate::definitions::load(&config.config) {
        Ok(loaded) => {
            if let Err(error) = running.reload(loaded.definitions) {
                tracing::error!("{error}; the old definitions stay in force");
                return;
            }
            tracing::info!(
                "definitions were read again; a change of [smtp], [http], [database] or a channel needs a restart"
            );
        }
        Err(problems) => {
            for problem in &problems.0 {
                tracing::error!("{problem}");
            }
            tracing::error!("the definitions have problems, so the old ones stay in force");
        }
    }
}
