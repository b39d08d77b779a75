//! `serve`: run the gateway until told to stop; read definitions again on HUP.

use tokio::signal::unix::{SignalKind, signal};

use super::ConfigArg;
use crate::app::{self, Drive};
use crate::clock::Clock;
use crate::engine::Engine;

pub(crate) async fn run(config: &ConfigArg) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let running = app::start(config.load()?, Clock::System, Drive::Background).await?;
    tracing::info!("nightcall is ready: SMTP on {}, HTTP on {}", running.smtp_address, running.http_address);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(config, &running.engine),
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
fn reload(config: &ConfigArg, engine: &Engine) {
    match crate::definitions::load(&config.config) {
        Ok(loaded) => {
            engine.replace_definitions(loaded.definitions);
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
