//! Calls and texts by the first of several providers that takes them; what has no answer is looked for before anything
//! is said a second time (I27).

use std::time::Duration;

use super::exchange::{Outcome, Request, Response};
use super::http::{Guard, Http};
use super::twilio;
use super::ways::Ways;
use crate::domain::channel::Channel;

/// How long one of several providers may take to answer, so that all get their turn within a lease.
const TIMEOUT: Duration = Duration::from_secs(6);

/// How long one question about what became of an attempt may take.
pub const QUESTION_TIMEOUT: Duration = Duration::from_secs(3);

/// What is said by a provider, in that provider's terms.
pub trait Said {
    /// The request to the provider at this place.
    ///
    /// # Errors
    /// When it cannot be said at all.
    fn request(&self, place: usize, account: &twilio::Config) -> Result<Request, String>;

    /// What the provider's answer means.
    fn judge(&self, response: &Response) -> Outcome;

    /// Looks for it at a provider that may have taken it; nothing where it is not there, or nobody knows.
    fn find(&self, http: &Http, account: &twilio::Config) -> impl Future<Output = Option<Outcome>> + Send;
}

/// The way to a provider of a channel, as troubles name it.
pub fn way(channel: Channel, place: usize) -> String {
    if place == 0 { channel.word().to_owned() } else { format!("{channel} (fallback {place})") }
}

/// Says it by the first provider that takes it. One that cannot be reached, or that refuses our account, costs no more
/// than its time limit. `uncertain`: an earlier attempt may have arrived, so that all are asked for it first.
pub async fn say(
    (http, ways): (&Http, &Ways),
    channel: Channel,
    accounts: &[twilio::Config],
    said: &impl Said,
    uncertain: bool,
) -> Outcome {
    let names: Vec<String> = (0..accounts.len()).map(|place| way(channel, place)).collect();
    let order = ways.order(&names);
    for (place, account) in order.iter().filter_map(|place| Some((*place, accounts.get(*place)?))) {
        let found = if uncertain { said.find(http, account).await } else { None };
        if let Some(found) = found {
            tracing::info!("an earlier attempt by {} was found there; it is not made again", names[place]);
            return placed(found, place);
        }
    }
    let mut last = Outcome::Failed(format!("{channel} is not set up"));
    for (place, account) in order.iter().filter_map(|place| Some((*place, accounts.get(*place)?))) {
        let request = match said.request(place, account) {
            Ok(request) => request,
            Err(why) => return Outcome::Failed(why),
        };
        let (mut outcome, refused) = match http.perform_within(&request, Guard::Off, TIMEOUT).await {
            Ok(response) => (said.judge(&response).later(response.wait()), response.refuses_us()),
            Err(outcome) => (outcome, false),
        };
        ways.note(&names[place], &outcome, refused);
        if let Outcome::Unknown(_) = &outcome {
            outcome = said.find(http, account).await.unwrap_or(outcome);
        }
        match outcome {
            // About what is said, not about the provider: no other would take it.
            Outcome::Failed(_) if !refused => return outcome,
            Outcome::Accepted(_) => return placed(outcome, place),
            trouble => last = trouble,
        }
    }
    last
}

/// A reference that says at which provider it is one.
fn placed(outcome: Outcome, place: usize) -> Outcome {
    match outcome {
        Outcome::Accepted(reference) => Outcome::Accepted(reference_at(place, &reference)),
        other => other,
    }
}

/// The reference of a call or text at the provider at this place.
pub fn reference_at(place: usize, reference: &str) -> String {
    if place == 0 || reference.is_empty() { reference.to_owned() } else { format!("{place}/{reference}") }
}

/// The place of the provider, and its own reference.
pub fn read_reference(reference: &str) -> (usize, &str) {
    match reference.split_once('/') {
        Some((place, reference)) => (place.parse().unwrap_or(usize::MAX), reference),
        None => (0, reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_back() {
        for (place, reference) in [(0, "CA1"), (1, "CA1"), (12, "SM2")] {
            assert_eq!(read_reference(&reference_at(place, reference)), (place, reference));
        }
        assert_eq!(reference_at(3, ""), "");
        assert_eq!(read_reference("x/CA1").0, usize::MAX);
    }
}
