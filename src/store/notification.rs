//! Notifications: rows with leases (I25 to I27).

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, int, text, text_or_none, word};
use crate::domain::incident::{self, Incident};
use crate::domain::notification::{Planned, Status};
use crate::domain::roster::Channel;

/// A stored notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Minted by us; the webhook id, and part of callback addresses.
    pub id: String,
    /// The incident it is about.
    pub incident_number: i64,
    /// Which page of that incident.
    pub page: i64,
    /// Who is called.
    pub user: String,
    /// By what.
    pub channel: Channel,
    /// Where.
    pub address: String,
    /// How far it is.
    pub status: Status,
    /// Attempts begun.
    pub attempts: i64,
    /// Calls that rang without an answer.
    pub rings: i64,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Secret part of callback addresses.
    pub nonce: String,
    /// The provider's name for it.
    pub provider_ref: Option<String>,
    /// The lease its worker holds.
    pub lease_token: Option<String>,
}

/// Where a notification goes from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The new status.
    pub to: Status,
    /// When to send it, for [`Status::Pending`].
    pub due_at: Timestamp,
    /// The provider's name for it, if new.
    pub provider_ref: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Calls that rang without an answer, so far.
    pub rings: i64,
}

impl WriteTx {
    /// Plans a notification; planned twice it stays one (I24).
    pub(crate) async fn insert_notification(
        &mut self,
        ids: (&str, &str),
        page: (i64, i64),
        planned: &Planned,
        called_in: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "insert into notification (id, nonce, incident_number, page, username, channel, address, status, \
                   attempts, rings, created_at, due_at, called_in) \
                   values ($1, $2, $3, $4, $5, $6, $7, 'pending', 0, 0, $8, $9, $10) \
                   on conflict (incident_number, page, username, channel, address) do nothing";
        let query = sqlx::query(sql)
            .bind(ids.0)
            .bind(ids.1)
            .bind(page.0)
            .bind(page.1)
            .bind(&planned.user)
            .bind(planned.channel.word())
            .bind(&planned.address)
            .bind(now.as_millisecond())
            .bind(now.checked_add(planned.wait).unwrap_or(now).as_millisecond())
            .bind(i64::from(called_in));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Cancels what was not yet handed to a provider. One just being sent is finished by its worker, whose
    /// report then finds it cancelled.
    pub(crate) async fn cancel_notifications(&mut self, incident_number: i64, now: Timestamp) -> Result<(), Error> {
        let sql = "update notification set status = 'cancelled', finished_at = $2, lease_until = null, lease_token = null \
                   where incident_number = $1 and status in ('pending', 'sending')";
        let query = sqlx::query(sql).bind(incident_number).bind(now.as_millisecond());
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Leases due notifications under a fresh token (I26).
    pub(crate) async fn claim(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
        limit: i64,
    ) -> Result<Vec<(Notification, Incident)>, Error> {
        let query = sqlx::query(self.dialect.claim_notifications())
            .bind(now.as_millisecond())
            .bind(lease_until.as_millisecond())
            .bind(lease_token)
            .bind(limit);
        if query.fetch_all(self.connection()).await?.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "select * from notification where lease_token = $1 and status = 'sending' order by due_at, id";
        let rows = sqlx::query(sql).bind(lease_token).fetch_all(self.connection()).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let notification = notification(row)?;
            let Some(incident) = self.read_incident(notification.incident_number).await? else { continue };
            // Acknowledged a moment ago: its notifications are being cancelled, and none may start now (I31).
            if incident.status == incident::Status::Triggered {
                claimed.push((notification, incident));
            }
        }
        Ok(claimed)
    }

    /// Moves a notification on, if the lease is still the caller's. `false` means fenced: somebody else has it.
    pub(crate) async fn move_leased(
        &mut self,
        id: &str,
        lease_token: &str,
        to: &Move,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "update notification set status = $3, due_at = $4, provider_ref = $5, last_error = $6, rings = $7, \
                   finished_at = $8, lease_until = null, lease_token = null \
                   where id = $1 and lease_token = $2 and status = 'sending'";
        let query = sqlx::query(sql)
            .bind(id)
            .bind(lease_token)
            .bind(to.to.word())
            .bind(to.due_at.as_millisecond())
            .bind(&to.provider_ref)
            .bind(&to.error)
            .bind(to.rings)
            .bind(finished(to.to, now));
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Moves a notification on because the provider says so, forward only (I28): from sending or sent, and only if
    /// the news is about the call under way. An earlier call of the same notification may still be reported on.
    pub(crate) async fn move_sent(
        &mut self,
        id: &str,
        about: (i64, &str),
        to: &Move,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "update notification set status = $2, due_at = $3, provider_ref = $4, last_error = $5, rings = $6, \
                   finished_at = $7, lease_until = null, lease_token = null \
                   where id = $1 and status in ('sending', 'sent') \
                   and attempts = $9 and (provider_ref is null or provider_ref = $8)";
        let query = sqlx::query(sql)
            .bind(id)
            .bind(to.to.word())
            .bind(to.due_at.as_millisecond())
            .bind(&to.provider_ref)
            .bind(&to.error)
            .bind(to.rings)
            .bind(finished(to.to, now))
            .bind(about.1)
            .bind(about.0);
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Marks that a human answered, whatever the provider says later. `false` when one has before: then this is the
    /// same key press again, and it must not act twice.
    pub(crate) async fn mark_delivered(&mut self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "update notification set status = 'delivered', finished_at = $2, lease_until = null, lease_token = null \
                   where id = $1 and status <> 'delivered'";
        let query = sqlx::query(sql).bind(id).bind(now.as_millisecond());
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Whether every notification of a page has failed.
    pub(crate) async fn page_has_failed(&mut self, incident_number: i64, page: i64) -> Result<bool, Error> {
        let sql =
            "select count(*) as n from notification where incident_number = $1 and page = $2 and status <> 'failed'";
        let row = sqlx::query(sql).bind(incident_number).bind(page).fetch_one(self.connection()).await?;
        Ok(int(&row, "n")? == 0)
    }
}

impl Store {
    /// One notification.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notification(&self, id: &str) -> Result<Option<Notification>, Error> {
        let row = self.row(sqlx::query("select * from notification where id = $1").bind(id)).await?;
        row.as_ref().map(notification).transpose()
    }

    /// The notifications of an incident, in the order they were planned.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notifications(&self, incident_number: i64) -> Result<Vec<Notification>, Error> {
        let sql = "select * from notification where incident_number = $1 order by page, username, channel, address";
        let rows = self.rows(sqlx::query(sql).bind(incident_number)).await?;
        rows.iter().map(notification).collect()
    }

    /// Whether any notification is due: asked without taking the write lock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_due_notification(&self, now: Timestamp) -> Result<bool, Error> {
        let sql = "select n.id from notification n join incident i on i.number = n.incident_number \
                   where (n.status = 'pending' or (n.status = 'sending' and n.lease_until <= $1)) \
                   and n.due_at <= $1 and i.status = 'triggered' limit 1";
        Ok(self.row(sqlx::query(sql).bind(now.as_millisecond())).await?.is_some())
    }
}

fn finished(status: Status, now: Timestamp) -> Option<i64> {
    matches!(status, Status::Delivered | Status::Failed | Status::Cancelled).then(|| now.as_millisecond())
}

fn notification(row: &AnyRow) -> Result<Notification, Error> {
    Ok(Notification {
        id: text(row, "id")?,
        incident_number: int(row, "incident_number")?,
        page: int(row, "page")?,
        user: text(row, "username")?,
        channel: word(row, "channel")?,
        address: text(row, "address")?,
        status: word(row, "status")?,
        attempts: int(row, "attempts")?,
        rings: int(row, "rings")?,
        created_at: instant(row, "created_at")?,
        nonce: text(row, "nonce")?,
        provider_ref: text_or_none(row, "provider_ref")?,
        lease_token: text_or_none(row, "lease_token")?,
    })
}
