//! The console channel: prints the page. What a newcomer sees first, and what is left when all else is down.
//!
//! Writing may block for ever when nobody reads, so a thread of its own does it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use crate::domain::notification::Outcome;
use crate::engine::Claimed;
use crate::store::notice::StoredNotice;

/// Pages that may wait for the terminal.
const WAITING_MAX: usize = 16;

/// A page and where to tell that it is printed.
type Job = (String, oneshot::Sender<std::io::Result<()>>);

/// Prints pages on standard output.
#[derive(Debug)]
pub struct Console {
    jobs: SyncSender<Job>,
}

impl Console {
    /// Starts the printing thread.
    pub fn start() -> Self {
        let (jobs, queue) = sync_channel::<Job>(WAITING_MAX);
        std::thread::spawn(move || {
            for (text, printed) in queue {
                let mut out = std::io::stdout().lock();
                let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                // Whoever waited has given up; the page is printed all the same.
                let _ = printed.send(written);
            }
        });
        Self { jobs }
    }

    /// Prints a page and waits until it is printed.
    pub async fn send(&self, claimed: &Claimed) -> Outcome {
        self.print(render(claimed)).await
    }

    /// Prints a notice and waits until it is printed.
    pub async fn tell(&self, told: &StoredNotice, zone: &TimeZone) -> Outcome {
        self.print(format!("\n  NOTICE for {}: {}\n\n", told.user, told.notice.text(zone))).await
    }

    async fn print(&self, text: String) -> Outcome {
        let (printed, answer) = oneshot::channel();
        match self.jobs.try_send((text, printed)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Outcome::Retry("nobody reads standard output".to_owned()),
            Err(TrySendError::Disconnected(_)) => return Outcome::Retry("the printing thread has ended".to_owned()),
        }
        match answer.await {
            Ok(Ok(())) => Outcome::Accepted(String::new()),
            Ok(Err(error)) => Outcome::Retry(format!("standard output: {error}")),
            Err(_) => Outcome::Retry("the printing thread has ended".to_owned()),
        }
    }
}

/// Incidents printed in one page; the others are counted.
const PRINTED_MAX: usize = 20;

/// The page as text.
fn render(claimed: &Claimed) -> String {
    let (incident, notification) = (&claimed.incident, &claimed.notification);
    let incidents = claimed.incidents();
    if incidents.len() > 1 {
        let mut text = format!("\n  PAGE for {}: {} incidents, the worst first\n", notification.user, incidents.len());
        for incident in incidents.iter().take(PRINTED_MAX) {
            let _ = writeln!(
                text,
                "  #{} {} {}: {}",
                incident.number, incident.severity, incident.service, incident.summary
            );
        }
        if let Some(more) = incidents.len().checked_sub(PRINTED_MAX).filter(|more| *more > 0) {
            let _ = writeln!(text, "  … and {more} more: nightcall incident list --config FILE");
        }
        text.push('\n');
        return text;
    }
    format!(
        "\n  PAGE for {}: incident #{} is {}\n  {}: {}\n  since {}, alerts so far: {}\n  \
         acknowledge: nightcall incident ack {} --config FILE\n\n",
        notification.user,
        incident.number,
        incident.severity,
        incident.service,
        incident.summary,
        incident.opened_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        incident.alert_count,
        incident.number,
    )
}
