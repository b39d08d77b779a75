//! The console channel: prints the page. What a newcomer sees first, and what is left when all else is down.

use std::io::Write as _;

use crate::domain::notification::Outcome;
use crate::engine::Claimed;

/// Prints a page on standard output.
pub fn send(claimed: &Claimed) -> Outcome {
    match std::io::stdout().lock().write_all(render(claimed).as_bytes()) {
        Ok(()) => Outcome::Accepted(String::new()),
        Err(error) => Outcome::Retry(format!("standard output: {error}")),
    }
}

/// The page as text.
pub fn render(claimed: &Claimed) -> String {
    let (incident, notification) = (&claimed.incident, &claimed.notification);
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
