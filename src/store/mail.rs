//! Mails as they came, what they claimed, and which were delivered twice.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::pending::Table;
use super::statement::Cell;
use super::{Error, Store, WriteTx, instant, int, json, text, text_or_none, to_json, word};
use crate::domain::alert::Alert;
use crate::domain::authentication::Authentication;
use crate::domain::client::Client;
use crate::domain::rulebook::{HandedIn, TraceLine};

/// A stored mail without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMail {
    /// Its receipt id, given to the sender with the 250.
    pub id: String,
    /// When its last byte came.
    pub received_at: Timestamp,
    /// Who handed it in.
    pub client: Client,
    /// What DNS said about where it comes from.
    pub authentication: Authentication,
    /// What the client called itself.
    pub helo: String,
    /// The reverse path; empty is the null sender.
    pub reverse_path: String,
    /// The envelope recipients.
    pub recipients: Vec<String>,
    /// Size of the raw bytes.
    pub size_bytes: i64,
    /// Of the raw bytes, in hex (I8).
    pub sha256: String,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// The address in `From`.
    pub header_from: String,
    /// Decoded.
    pub subject: String,
    /// When the sender made it (I12).
    pub origin_at: Timestamp,
    /// What was wrong with it.
    pub defects: Vec<String>,
    /// The decision trace, per recipient.
    pub trace: Vec<RecipientTrace>,
}

/// The rules tried for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecipientTrace {
    /// The envelope recipient.
    pub recipient: String,
    /// In order.
    pub trace: Vec<TraceLine>,
}

/// An alert with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlert {
    /// The mail that made it.
    pub mail_id: String,
    /// For which recipient.
    pub recipient: String,
    /// That recipient's service.
    pub service: String,
    /// What it claimed.
    pub alert: Alert,
    /// What was done, in words.
    pub outcome: String,
    /// The incident it opened or touched.
    pub incident_number: Option<i64>,
    /// What its service's senders did to it: nothing, `quarantine`, `released` or `shadow`.
    pub held: String,
}

impl StoredMail {
    /// How it came.
    pub fn handed_in(&self) -> HandedIn<'_> {
        HandedIn {
            sender: &self.reverse_path,
            recipients: &self.recipients,
            client: &self.client,
            authentication: &self.authentication,
        }
    }
}

impl WriteTx {
    /// Stores a mail, at the latest when the transaction is flushed.
    pub(crate) async fn insert_mail(&mut self, mail: &StoredMail, raw: &[u8]) -> Result<(), Error> {
        let cells = vec![
            Cell::Text(mail.id.clone()),
            Cell::Int(mail.received_at.as_millisecond()),
            Cell::Text(mail.client.address.clone()),
            Cell::Text(mail.helo.clone()),
            Cell::Text(mail.reverse_path.clone()),
            Cell::Text(to_json(&mail.recipients)),
            Cell::Int(mail.size_bytes),
            Cell::Text(mail.sha256.clone()),
            Cell::BlobOrNull(Some(raw.to_vec())),
            Cell::TextOrNull(mail.message_id.clone()),
            Cell::Text(mail.header_from.clone()),
            Cell::Text(mail.subject.clone()),
            Cell::Int(mail.origin_at.as_millisecond()),
            Cell::Text(to_json(&mail.defects)),
            Cell::Text(to_json(&mail.trace)),
            Cell::Text(to_json(&mail.client)),
            Cell::Text(to_json(&mail.authentication)),
        ];
        if self.pending.row(Table::Mail, cells) { self.flush().await } else { Ok(()) }
    }

    /// Stores an alert of a mail stored before, at the latest when the transaction is flushed.
    pub(crate) async fn insert_alert(&mut self, ordinal: i64, stored: &StoredAlert) -> Result<(), Error> {
        let cells = vec![
            Cell::Text(stored.mail_id.clone()),
            Cell::Int(ordinal),
            Cell::Text(stored.recipient.clone()),
            Cell::Text(stored.service.clone()),
            Cell::Text(stored.alert.action.word().to_owned()),
            Cell::Text(stored.alert.dedup_key.clone()),
            Cell::Text(stored.alert.severity.word().to_owned()),
            Cell::Text(stored.alert.summary.clone()),
            Cell::Text(stored.alert.rule.clone()),
            Cell::Text(stored.alert.reason.clone()),
            Cell::Text(stored.outcome.clone()),
            Cell::IntOrNull(stored.incident_number),
            Cell::Text(to_json(&stored.alert.details)),
            Cell::Text(to_json(&stored.alert.links)),
            Cell::Text(stored.held.clone()),
        ];
        if self.pending.row(Table::Alert, cells) { self.flush().await } else { Ok(()) }
    }

    /// The id of the first mail delivered with this content to this recipient, as [`WriteTx::ask_ahead`] found it
    /// (I6); the mail's own id where it is the first.
    pub(crate) fn first_delivery(&self, recipient: &str, fingerprint: &str) -> Option<&str> {
        self.pending.first_delivery(recipient, fingerprint)
    }

    /// What was kept aside of a mail is let act.
    pub(crate) async fn release_alerts(&mut self, mail_id: &str) -> Result<(), Error> {
        let sql = "update alert set held = 'released' where mail_id = $1 and held = 'quarantine'";
        sqlx::query(sql).bind(mail_id).execute(self.connection()).await?;
        Ok(())
    }

    /// Notes that a service has heard of a sender, at the latest when the transaction is flushed.
    pub(crate) fn heard(&mut self, service: &str, sender: &str, mail_id: &str, at: Timestamp) {
        self.pending.heard(service, sender, mail_id, at);
    }

    /// Forgets deliveries older than `before`; returns how many.
    pub(crate) async fn forget_deliveries(&mut self, before: Timestamp) -> Result<u64, Error> {
        let query = sqlx::query("delete from seen where received_at < $1").bind(before.as_millisecond());
        Ok(query.execute(self.connection()).await?.rows_affected())
    }
}

impl Store {
    /// Mails, newest first, with ids below `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mails(&self, before: Option<&str>, limit: i64) -> Result<Vec<(StoredMail, Vec<StoredAlert>)>, Error> {
        // Ids are lower-case hex, so this is above all of them, whatever the collation.
        let before = before.unwrap_or("g");
        let sql = "select id, received_at, peer, helo, reverse_path, recipients, size_bytes, sha256, message_id, \
                   header_from, subject, origin_at, defects, trace, client, authentication from mail where id < $1 order by id desc limit $2";
        let rows = self.rows(sqlx::query(sql).bind(before).bind(limit)).await?;
        let mails: Vec<StoredMail> = rows.iter().map(mail).collect::<Result<_, _>>()?;
        let Some(oldest) = mails.last() else { return Ok(Vec::new()) };
        let sql = "select * from alert where mail_id >= $1 and mail_id < $2 order by mail_id, ordinal";
        let rows = self.rows(sqlx::query(sql).bind(&oldest.id).bind(before)).await?;
        let alerts: Vec<StoredAlert> = rows.iter().map(alert).collect::<Result<_, _>>()?;
        let of = |mail: &StoredMail| alerts.iter().filter(|alert| alert.mail_id == mail.id).cloned().collect();
        Ok(mails.into_iter().map(|mail| (mail.clone(), of(&mail))).collect())
    }

    /// Mails of which something is kept aside because of its sender, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn quarantined(&self, limit: i64) -> Result<Vec<(StoredMail, Vec<StoredAlert>)>, Error> {
        self.quarantined_before(None, limit).await
    }

    /// The same with ids below `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn quarantined_before(
        &self,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(StoredMail, Vec<StoredAlert>)>, Error> {
        let sql = "select distinct mail_id from alert where held = 'quarantine' and mail_id < $1 \
                   order by mail_id desc limit $2";
        let rows = self.rows(sqlx::query(sql).bind(before.unwrap_or("g")).bind(limit)).await?;
        let mut mails = Vec::with_capacity(rows.len());
        for row in &rows {
            mails.extend(self.mail(&text(row, "mail_id")?).await?);
        }
        Ok(mails)
    }

    /// One mail with its alerts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mail(&self, id: &str) -> Result<Option<(StoredMail, Vec<StoredAlert>)>, Error> {
        let sql = "select id, received_at, peer, helo, reverse_path, recipients, size_bytes, sha256, message_id, \
                   header_from, subject, origin_at, defects, trace, client, authentication from mail where id = $1";
        let Some(row) = self.row(sqlx::query(sql).bind(id)).await? else { return Ok(None) };
        let sql = "select * from alert where mail_id = $1 order by ordinal";
        let rows = self.rows(sqlx::query(sql).bind(id)).await?;
        Ok(Some((mail(&row)?, rows.iter().map(alert).collect::<Result<_, _>>()?)))
    }

    /// The bytes of a mail, exactly as they came.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mail_raw(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let row = self.row(sqlx::query("select raw from mail where id = $1").bind(id)).await?;
        Ok(row.map(|row| row.try_get::<Vec<u8>, _>("raw")).transpose()?)
    }
}

pub(super) fn mail(row: &AnyRow) -> Result<StoredMail, Error> {
    Ok(StoredMail {
        id: text(row, "id")?,
        received_at: instant(row, "received_at")?,
        client: Client { address: text(row, "peer")?, ..json(row, "client")? },
        authentication: json(row, "authentication")?,
        helo: text(row, "helo")?,
        reverse_path: text(row, "reverse_path")?,
        recipients: json(row, "recipients")?,
        size_bytes: int(row, "size_bytes")?,
        sha256: text(row, "sha256")?,
        message_id: text_or_none(row, "message_id")?,
        header_from: text(row, "header_from")?,
        subject: text(row, "subject")?,
        origin_at: instant(row, "origin_at")?,
        defects: json(row, "defects")?,
        trace: json(row, "trace")?,
    })
}

pub(super) fn alert(row: &AnyRow) -> Result<StoredAlert, Error> {
    let alert = Alert {
        action: word(row, "action")?,
        dedup_key: text(row, "dedup_key")?,
        severity: word(row, "severity")?,
        summary: text(row, "summary")?,
        details: json(row, "details")?,
        links: json(row, "links")?,
        rule: text(row, "rule")?,
        reason: text(row, "reason")?,
        hold: None,
        downtime: None,
        objection: None,
    };
    Ok(StoredAlert {
        mail_id: text(row, "mail_id")?,
        recipient: text(row, "recipient")?,
        service: text(row, "service")?,
        alert,
        outcome: text(row, "outcome")?,
        incident_number: row.try_get::<Option<i64>, _>("incident_number")?,
        held: text(row, "held")?,
    })
}
