//! Intake: from received bytes to one committed transaction (DESIGN: 250 means committed).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::again::Again;
use super::committer::{Done, Work};
use super::door::{self, Raise, random_id};
use super::downtime;
use super::heartbeat;
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::alert::Alert;
use crate::domain::authentication::Authentication;
use crate::domain::client::Client;
use crate::domain::hex::hex;
use crate::domain::mail::{Mail, headers_and_body};
use crate::domain::rulebook::{HandedIn, TraceLine, Verdict};
use crate::domain::sender_policy::{Mode, Objection};
use crate::store::mail::{RecipientTrace, StoredAlert, StoredMail};
use crate::store::{self, Delivery, WriteTx};

/// How long the same mail is recognised when it is delivered again (I6).
pub const REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Mails above this are read on a thread of their own, so that they do not hold up other connections.
const INLINE_BYTES_MAX: usize = 128 * 1024;

/// Bytes of a hash that tell mails apart: enough against chance, and who makes two alike silences himself only.
const FINGERPRINT_BYTES: usize = 16;

/// Bytes of a sender's address that are told apart.
const SENDER_BYTES_MAX: usize = 254;

/// A mail as a door took it in.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// Who handed it in.
    pub client: Client,
    /// What DNS says about where it comes from, as far as [`Engine::wanted`] asks for it.
    pub authentication: Authentication,
    /// What the client called itself.
    pub helo: String,
    /// The reverse path; empty is the null sender.
    pub reverse_path: String,
    /// Recipients that [`Engine::route`] knows.
    pub recipients: Vec<String>,
    /// The bytes between DATA and the final dot, dots undoubled.
    pub raw: Vec<u8>,
}

/// The proof of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The mail's id.
    pub mail_id: String,
}

/// A judged mail, ready to be stored.
#[derive(Debug)]
pub(crate) struct Intake {
    mail: StoredMail,
    raw: Vec<u8>,
    verdicts: Vec<Verdict>,
    /// Of Message-ID and body; none without a Message-ID: such a mail is a repeat event, not a repeated mail.
    fingerprint: Option<String>,
    definitions: Arc<Definitions>,
}

impl Engine {
    /// Takes a mail in: judges it, stores it and lets its alerts act, all durable when this returns.
    ///
    /// # Errors
    /// When it is not durable; the sender must keep it.
    pub async fn receive(&self, incoming: Incoming) -> Result<Receipt, Error> {
        let (definitions, now) = (self.definitions(), self.clock.now());
        let intake = if incoming.raw.len() > INLINE_BYTES_MAX {
            // A few at a time: reading takes memory of its own.
            let _turn = self.large_mails.acquire().await.map_err(|_| Error::Closed)?;
            let judging = tokio::task::spawn_blocking(move || judge(incoming, definitions, now));
            judging.await.map_err(|_| Error::Panicked)?
        } else {
            judge(incoming, definitions, now)
        };
        if let Some(why) = refused(&intake.verdicts) {
            tracing::warn!(peer = intake.mail.client.address, "refused a mail: {why}");
            return Err(Error::Refused(why.to_owned()));
        }
        match self.committer.submit(Work::Receive(Box::new(intake))).await? {
            Done::Received(receipt) => Ok(receipt),
            other => unreachable!("a mail is answered by its receipt, not by {other:?}"),
        }
    }
}

impl Intake {
    /// Tells the log what it says.
    pub(crate) fn tell(&self) {
        for verdict in &self.verdicts {
            for alert in &verdict.alerts {
                tracing::info!(
                    mail.id = self.mail.id,
                    service = verdict.service,
                    rule = alert.rule,
                    action = alert.action.word(),
                    "mail for {} says {} by {}",
                    verdict.service,
                    alert.action,
                    alert.rule
                );
            }
        }
    }
}

impl Engine {
    /// Stores a mail that is for no service, with what came of it for each recipient.
    ///
    /// # Errors
    /// When it is not durable; the sender must keep it.
    pub async fn file(&self, incoming: Incoming, came_of_it: Vec<(String, String)>) -> Result<Receipt, Error> {
        let mut intake = judge(Incoming { recipients: Vec::new(), ..incoming }, self.definitions(), self.clock.now());
        intake.mail.recipients = came_of_it.iter().map(|(recipient, _)| recipient.clone()).collect();
        let trace = |(recipient, told): (String, String)| RecipientTrace {
            recipient,
            trace: vec![TraceLine { rule: "answer".to_owned(), matched: true, reason: told }],
        };
        intake.mail.trace = came_of_it.into_iter().map(trace).collect();
        match self.committer.submit(Work::Receive(Box::new(intake))).await? {
            Done::Received(receipt) => Ok(receipt),
            other => unreachable!("a mail is answered by its receipt, not by {other:?}"),
        }
    }
}

/// Reads the mail and judges it for every recipient. Pure but for the id.
fn judge(incoming: Incoming, definitions: Arc<Definitions>, now: Timestamp) -> Intake {
    let parsed = Mail::parse(&incoming.raw).with_sender(&incoming.reverse_path);
    let book = &definitions.rulebook;
    let handed_in = HandedIn {
        sender: &incoming.reverse_path,
        recipients: &incoming.recipients,
        client: &incoming.client,
        authentication: &incoming.authentication,
    };
    let verdicts = book.judge(&parsed, &handed_in);
    let trace =
        |verdict: &Verdict| RecipientTrace { recipient: verdict.recipient.clone(), trace: verdict.trace.clone() };
    let mail = StoredMail {
        id: mail_id(now),
        received_at: now,
        client: incoming.client,
        authentication: incoming.authentication,
        helo: incoming.helo,
        reverse_path: incoming.reverse_path,
        recipients: incoming.recipients,
        size_bytes: i64::try_from(incoming.raw.len()).unwrap_or(i64::MAX),
        sha256: hex(&Sha256::digest(&incoming.raw)),
        message_id: parsed.message_id.clone(),
        header_from: parsed.from.clone(),
        subject: parsed.subject_raw.clone(),
        origin_at: parsed.origin_at(now),
        defects: parsed.defects.clone(),
        trace: verdicts.iter().map(trace).collect(),
    };
    let fingerprint = fingerprint(&parsed, &incoming.raw);
    Intake { mail, raw: incoming.raw, verdicts, fingerprint, definitions }
}

/// Asks for all mails of a transaction at once what [`store`] and [`Again::act`] must know of each. Comes first in
/// the transaction.
pub(crate) async fn ask_ahead(tx: &mut WriteTx, intakes: &[&Intake], again: &[&Again]) -> Result<(), store::Error> {
    let first = intakes.iter().map(|intake| intake.mail.received_at);
    let Some(now) = first.chain(again.iter().map(|again| again.now)).max() else { return Ok(()) };
    let (mut deliveries, mut keys, mut beats) = (Vec::new(), HashSet::new(), HashSet::new());
    let verdicts = again.iter().flat_map(|again| &again.verdicts);
    for verdict in verdicts {
        keys.extend(verdict.alerts.iter().map(|alert| (verdict.service.as_str(), alert.dedup_key.as_str())));
    }
    for intake in intakes {
        for verdict in &intake.verdicts {
            let delivery =
                |fingerprint| Delivery { recipient: &verdict.recipient, fingerprint, mail_id: &intake.mail.id };
            deliveries.extend(intake.fingerprint.as_deref().map(delivery));
            keys.extend(verdict.alerts.iter().map(|alert| (verdict.service.as_str(), alert.dedup_key.as_str())));
            for alert in &verdict.alerts {
                let met = heartbeat::met(&intake.definitions, &verdict.service, &alert.dedup_key);
                beats.extend(met.into_iter().map(|awaited| (verdict.service.as_str(), awaited.incident_key())));
            }
        }
    }
    keys.extend(beats.iter().map(|(service, key)| (*service, key.as_str())));
    tx.ask_ahead(&deliveries, &keys, now, now - REPEAT_WINDOW).await
}

/// Stores a judged mail and lets its alerts act, in the caller's transaction.
pub(crate) async fn store(tx: &mut WriteTx, intake: &Intake) -> Result<Receipt, store::Error> {
    let mail = &intake.mail;
    let now = mail.received_at;
    tx.insert_mail(mail, &intake.raw).await?;
    let services: BTreeSet<&str> = intake.verdicts.iter().map(|verdict| verdict.service.as_str()).collect();
    for service in services {
        tx.heard(service, sender(mail), &mail.id, now);
    }
    let mut ordinal = 0;
    let (mut acted, mut beaten) = (HashSet::new(), HashSet::new());
    for verdict in &intake.verdicts {
        let print = intake.fingerprint.as_deref();
        let first = print.and_then(|print| tx.first_delivery(&verdict.recipient, print));
        let earlier = first.filter(|first| *first != mail.id).map(str::to_owned);
        for alert in &verdict.alerts {
            let held = Held::of(alert);
            let (outcome, incident_number) = if let Some(objection) = held.keeps() {
                (format!("quarantined: {}", objection.why), None)
            } else if let Some(earlier) = &earlier {
                (format!("the same mail came before as {earlier}; nothing was done again"), None)
            } else if !acted.insert((&verdict.service, alert.action, &alert.dedup_key)) {
                ("another recipient of this mail had the same alert; it acted once".to_owned(), None)
            } else {
                let raised = door::raise(
                    tx,
                    &Raise {
                        service: &verdict.service,
                        alert,
                        mail_id: Some(&mail.id),
                        sender: sender(mail),
                        client: &mail.client.address,
                        asked_by: None,
                        origin_at: mail.origin_at,
                        over_after: None,
                        now,
                        definitions: &intake.definitions,
                    },
                )
                .await?;
                let when = (mail.origin_at, now);
                let announced = downtime::announced(tx, &verdict.service, alert, when, &intake.definitions).await?;
                for awaited in heartbeat::met(&intake.definitions, &verdict.service, &alert.dedup_key) {
                    if beaten.insert((&verdict.service, &awaited.heartbeat.name)) {
                        let when = (mail.id.as_str(), mail.origin_at, now);
                        heartbeat::came(tx, &verdict.service, awaited, when, &intake.definitions).await?;
                    }
                }
                (announced.unwrap_or(raised.outcome), raised.incident_number)
            };
            ordinal += 1;
            let stored = StoredAlert {
                mail_id: mail.id.clone(),
                recipient: verdict.recipient.clone(),
                service: verdict.service.clone(),
                alert: alert.clone(),
                outcome: held.told(outcome),
                incident_number,
                held: held.word().to_owned(),
            };
            tx.insert_alert(ordinal, &stored).await?;
        }
    }
    Ok(Receipt { mail_id: mail.id.clone() })
}

/// Why nothing of the mail is allowed, where its sender is to be told so. As soon as anything is, the mail is taken.
fn refused(verdicts: &[Verdict]) -> Option<&str> {
    let mut why = None;
    for alert in verdicts.iter().flat_map(|verdict| &verdict.alerts) {
        match &alert.objection {
            Some(objection) if objection.mode == Mode::Enforce => why = Some(objection.why.as_str()),
            _ => return None,
        }
    }
    why
}

/// What an objection does to an alert.
pub(crate) struct Held<'a>(Option<&'a Objection>);

impl<'a> Held<'a> {
    pub(crate) fn of(alert: &'a Alert) -> Self {
        Self(alert.objection.as_ref())
    }

    /// The objection that keeps it from acting. One that is enforced does too, where the rest of the mail was taken.
    pub(crate) fn keeps(&self) -> Option<&'a Objection> {
        self.0.filter(|objection| objection.mode != Mode::Shadow)
    }

    /// The word of the database.
    pub(crate) fn word(&self) -> &'static str {
        match self.0.map(|objection| objection.mode) {
            None => "",
            Some(Mode::Shadow) => "shadow",
            Some(Mode::Quarantine | Mode::Enforce) => "quarantine",
        }
    }

    /// What became of it, with what would have.
    pub(crate) fn told(&self, outcome: String) -> String {
        match self.0.filter(|objection| objection.mode == Mode::Shadow) {
            Some(objection) => format!("{outcome} (shadow: it would be quarantined: {})", objection.why),
            None => outcome,
        }
    }
}

/// Who sent it, as far as a column that is searched can hold it (RFC 5321 section 4.5.3.1 allows 254 bytes).
pub(crate) fn sender(mail: &StoredMail) -> &str {
    &mail.header_from[..mail.header_from.floor_char_boundary(SENDER_BYTES_MAX)]
}

/// Message-ID, subject, date and body: what stays the same when a mail server sends a mail again, and what two
/// mails of a device with one Message-ID for all do not share. Other headers do not count: each hop adds its own.
/// None without a Message-ID.
///
/// The date leads, in seconds: mails of one hour then lie side by side in the database's index, and a batch of them
/// changes few of its pages.
pub(crate) fn fingerprint(mail: &Mail, raw: &[u8]) -> Option<String> {
    let message_id = mail.message_id.as_deref()?;
    let date = mail.date.map_or(0, |date| u32::try_from(date.as_second()).unwrap_or_default());
    let (headers, body) = headers_and_body(raw);
    let mut hash = Sha256::new();
    hash.update(message_id.as_bytes());
    let mut counts = false;
    for line in headers.split(|byte| *byte == b'\n') {
        let folded = line.first().is_some_and(u8::is_ascii_whitespace);
        if !folded {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            counts = name.eq_ignore_ascii_case(b"Subject") || name.eq_ignore_ascii_case(b"Date");
        }
        if counts {
            hash.update([0]);
            hash.update(line);
        }
    }
    hash.update([0]);
    hash.update(body);
    Some(format!("{date:08x}{}", hex(&hash.finalize()[..FINGERPRINT_BYTES])))
}

/// Ids sort by arrival: 48 bits of milliseconds, 16 of a counter, 64 random ones.
fn mail_id(now: Timestamp) -> String {
    static ARRIVED: AtomicU16 = AtomicU16::new(0);
    let (millis, count) = (now.as_millisecond().max(0), ARRIVED.fetch_add(1, Ordering::Relaxed));
    format!("{millis:012x}{count:04x}{}", &random_id()[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_mail_is_known_by_id_and_body() {
        let print_of = |id: &str, rest: &str| {
            let raw = format!("Message-ID: <{id}>\r\n{rest}");
            fingerprint(&Mail::parse(raw.as_bytes()), raw.as_bytes()).expect("it has an id")
        };
        let print = |rest: &str| print_of("1@mon", rest);
        let first = print("Received: a\r\nSubject: x\r\n\r\nbody\r\n");
        assert_eq!(first, print("Received: b\r\nReceived: a\r\nSubject: x\r\n\r\nbody\r\n"));
        assert_ne!(first, print("Received: a\r\nSubject: x\r\n\r\nother\r\n"));
        assert_ne!(first, print_of("2@mon", "Received: a\r\nSubject: x\r\n\r\nbody\r\n"));
        assert_ne!(first, print("Received: a\r\nSubject: y\r\n\r\nbody\r\n"), "one id for all, another host");
        assert_ne!(print("Subject: x\r\n y\r\n\r\n"), print("Subject: x\r\n z\r\n\r\n"));
        assert_ne!(print("Date: 1\r\n\r\nx"), print("Date: 2\r\n\r\nx"));
        assert_eq!(print("a: b\n\nbody"), print("c: d\n\nbody"));
        assert_eq!(fingerprint(&Mail::parse(b"Subject: x\r\n\r\n"), b"Subject: x\r\n\r\n"), None);
    }

    #[test]
    fn fingerprints_sort_by_the_date_that_the_sender_wrote() {
        let print = |date: &str| {
            let raw = format!("Message-ID: <1@mon>\r\nDate: {date}\r\n\r\n");
            fingerprint(&Mail::parse(raw.as_bytes()), raw.as_bytes()).expect("it has an id")
        };
        assert!(print("Sat, 21 Nov 2026 10:00:00 +0100") < print("Sat, 21 Nov 2026 09:00:01 +0000"));
        assert!(print("once upon a time").starts_with("00000000"));
        assert_eq!(print("Sat, 21 Nov 2026 10:00:00 +0100").len(), 8 + 2 * FINGERPRINT_BYTES);
    }

    #[test]
    fn mail_ids_sort_by_time() {
        let id = |second| mail_id(Timestamp::from_second(second).expect("in range"));
        assert!(id(1_800_000_000) < id(1_800_000_001));
        assert_eq!(id(1).len(), 32);
    }
}
