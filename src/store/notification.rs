//! Notifications: rows with leases (I25 to I27).

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, instant_or_none, int, json, text, text_or_none, to_json, word};
use crate::domain::code::Code;
use crate::domain::dispatch::{Due, Line};
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
    /// Somebody who has the incident called them in.
    pub called_in: bool,
    /// What an answer by text names, in bundles that the first stands for.
    pub code: Option<Code>,
    /// When the newest attempt began.
    pub attempted_at: Option<Timestamp>,
    /// When an attempt began of which nobody knows whether it arrived (I27).
    pub uncertain_since: Option<Timestamp>,
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
    /// Nobody knows whether what was tried has arrived (I27).
    pub uncertain: bool,
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

    /// Leases these notifications under a fresh token, as far as they are still due, for incidents that still need
    /// somebody (I26, I31). They are said together: the first stands for all.
    pub(crate) async fn claim(
        &mut self,
        ids: &[&str],
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
    ) -> Result<Vec<(Notification, Incident)>, Error> {
        let Some(lead) = ids.first() else { return Ok(Vec::new()) };
        if !self.pending.claim(&mut self.connection, ids, lead, now, lease_until, lease_token).await? {
            return Ok(Vec::new());
        }
        // The last two conditions hold for all of them; by these SQLite finds them among what is due.
        let sql = "select * from notification where lease_token = $1 and status = 'sending' \
                   and status in ('pending', 'sending') and due_at <= $2";
        let query = sqlx::query(sql).bind(lease_token).bind(now.as_millisecond());
        let rows = query.fetch_all(self.connection()).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let notification = notification(row)?;
            let Some(incident) = self.read_incident(notification.incident_number).await? else { continue };
            // Acknowledged a moment ago: its notifications are being cancelled, and none may start now (I31).
            if needs_somebody(&notification, incident.status) {
                claimed.push((notification, incident));
            }
        }
        // In the order in which they were asked for: the worst stands for all.
        claimed.sort_by_key(|(notification, _)| ids.iter().position(|id| *id == notification.id));
        Ok(claimed)
    }

    /// What is known of a way to reach somebody, locked for the rest of the transaction.
    pub(crate) async fn lock_line(&mut self, channel: Channel, address: &str) -> Result<Line, Error> {
        let sql = "insert into line (channel, address, sent_at) values ($1, $2, '[]') \
                   on conflict (channel, address) do update set sent_at = line.sent_at returning *";
        let query = sqlx::query(sql).bind(channel.word()).bind(address);
        let row = query.fetch_one(self.connection()).await?;
        Ok(line(&row)?.1)
    }

    /// Stores what happened on a way to reach somebody.
    pub(crate) async fn update_line(&mut self, channel: Channel, address: &str, line: &Line) -> Result<(), Error> {
        let sent_at: Vec<i64> = line.sent_at.iter().map(|at| at.as_millisecond()).collect();
        let query = sqlx::query("update line set busy_until = $3, sent_at = $4 where channel = $1 and address = $2")
            .bind(channel.word())
            .bind(address)
            .bind(line.busy_until.map(Timestamp::as_millisecond))
            .bind(to_json(&sent_at));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// One of a person's methods has failed for a page: the next one that still waits is due now (I30).
    pub(crate) async fn hasten(&mut self, failed: &Notification, now: Timestamp) -> Result<(), Error> {
        let sql = "update notification set due_at = $4 where status = 'pending' and due_at > $4 and attempts = 0 \
                   and id = (select id from notification where incident_number = $1 and page = $2 and username = $3 \
                   and status = 'pending' and attempts = 0 order by due_at, id limit 1)";
        let query = sqlx::query(sql)
            .bind(failed.incident_number)
            .bind(failed.page)
            .bind(&failed.user)
            .bind(now.as_millisecond());
        query.execute(self.connection()).await?;
        Ok(())
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
                   finished_at = $8, lease_until = null, lease_token = null, \
                   uncertain_since = case when $9 = 1 then coalesce(uncertain_since, attempted_at) else null end \
                   where id = $1 and lease_token = $2 and status = 'sending'";
        let query = sqlx::query(sql)
            .bind(id)
            .bind(lease_token)
            .bind(to.to.word())
            .bind(to.due_at.as_millisecond())
            .bind(&to.provider_ref)
            .bind(&to.error)
            .bind(to.rings)
            .bind(finished(to.to, now))
            .bind(i64::from(to.uncertain));
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Moves a notification on because the provider says so, forward only (I28): from sending or sent, and only if
    /// the news is about the call under way, in which `lead` stood for all. An earlier call of the same notification may
    /// still be reported on.
    pub(crate) async fn move_sent(
        &mut self,
        (id, lead): (&str, &str),
        about: (i64, &str),
        to: &Move,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "update notification set status = $2, due_at = $3, provider_ref = $4, last_error = $5, rings = $6, \
                   finished_at = $7, lease_until = null, lease_token = null \
                   where id = $1 and status in ('sending', 'sent') \
                   and attempts = $9 and (provider_ref is null or provider_ref = $8) \
                   and coalesce(bundle, id) = $10";
        let query = sqlx::query(sql)
            .bind(id)
            .bind(to.to.word())
            .bind(to.due_at.as_millisecond())
            .bind(&to.provider_ref)
            .bind(&to.error)
            .bind(to.rings)
            .bind(finished(to.to, now))
            .bind(about.1)
            .bind(about.0)
            .bind(lead);
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Marks that a human answered, whatever the provider says later, and tells over which contact method. `None` when
    /// one has before: then this is the same key press again, and it must not act twice.
    pub(crate) async fn mark_delivered(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<(Channel, String)>, Error> {
        let sql = "update notification set status = 'delivered', finished_at = $2, lease_until = null, lease_token = null \
                   where id = $1 and status <> 'delivered' returning channel, address";
        let query = sqlx::query(sql).bind(id).bind(now.as_millisecond());
        let row = query.fetch_optional(self.connection()).await?;
        row.map(|row| Ok((word(&row, "channel")?, text(&row, "address")?))).transpose()
    }

    /// Who was told of an incident, by what: the first of what was said together, and the notification itself; the
    /// newest last.
    pub(crate) async fn told_of(&mut self, incident_number: i64) -> Result<Vec<(String, Notification)>, Error> {
        let sql = "select * from notification where incident_number = $1 and status in ('sent', 'delivered') \
                   order by page, id";
        let rows = sqlx::query(sql).bind(incident_number).fetch_all(self.connection()).await?;
        let told = |row: &AnyRow| {
            let notification = notification(row)?;
            Ok((text_or_none(row, "bundle")?.unwrap_or_else(|| notification.id.clone()), notification))
        };
        rows.iter().map(told).collect()
    }

    /// Keeps the provider's name for one that was cancelled or answered while it was sent.
    pub(crate) async fn keep_reference(&mut self, id: &str, reference: &str) -> Result<(), Error> {
        let sql = "update notification set provider_ref = $2 where id = $1 and status in ('cancelled', 'delivered') \
                   and provider_ref is null";
        sqlx::query(sql).bind(id).bind(reference).execute(self.connection()).await?;
        Ok(())
    }

    /// Codes that name what was texted to an address and still needs somebody.
    pub(crate) async fn codes_in_use(&mut self, channel: Channel, address: &str) -> Result<Vec<Code>, Error> {
        let sql = "select code from notification where channel = $1 and address = $2 and code is not null \
                   and status in ('pending', 'sending', 'sent')";
        let query = sqlx::query(sql).bind(channel.word()).bind(address);
        let rows = query.fetch_all(self.connection()).await?;
        let codes = rows.iter().map(|row| text(row, "code")).collect::<Result<Vec<_>, _>>()?;
        Ok(codes.iter().filter_map(|code| Code::read(code)).collect())
    }

    /// Gives a notification its code.
    pub(crate) async fn set_code(&mut self, id: &str, code: &Code) -> Result<(), Error> {
        let query = sqlx::query("update notification set code = $2 where id = $1").bind(id).bind(code.as_str());
        query.execute(self.connection()).await?;
        Ok(())
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

    /// What is due to be said, the worst first, at most so many: asked without taking the write lock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_notifications(&self, now: Timestamp, limit: i64) -> Result<Vec<Due>, Error> {
        let sql = "select n.id, n.incident_number, n.channel, n.address, n.due_at, i.severity \
                   from notification n join incident i on i.number = n.incident_number \
                   where n.status in ('pending', 'sending') and n.due_at <= $1 \
                   and (n.status = 'pending' or n.lease_until <= $1) \
                   and (i.status = 'triggered' or (i.status = 'acknowledged' and n.called_in = 1)) \
                   order by case i.severity when 'critical' then 0 when 'error' then 1 when 'warning' then 2 else 3 end, \
                   n.due_at, n.id limit $2";
        let rows = self.rows(sqlx::query(sql).bind(now.as_millisecond()).bind(limit)).await?;
        let due = |row: &AnyRow| {
            Ok(Due {
                id: text(row, "id")?,
                incident: int(row, "incident_number")?,
                channel: word(row, "channel")?,
                address: text(row, "address")?,
                severity: word(row, "severity")?,
                due_at: instant(row, "due_at")?,
            })
        };
        rows.iter().map(due).collect()
    }

    /// What was texted, to whatever number, and still needs somebody: what each stands for, and how many incidents it
    /// told of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn answerable(&self, channel: Channel) -> Result<Vec<(Notification, usize)>, Error> {
        let sql = "select n.*, (select count(*) from notification b where b.bundle = n.id) as told \
                   from notification n where n.channel = $1 and n.code is not null and n.status in ('sending', 'sent') \
                   order by n.created_at desc, n.id limit 1000";
        let rows = self.rows(sqlx::query(sql).bind(channel.word())).await?;
        let told = |row: &AnyRow| Ok((notification(row)?, usize::try_from(int(row, "told")?).unwrap_or(usize::MAX)));
        rows.iter().map(told).collect()
    }

    /// The provider's names for what was sent to an address, the newest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn references(&self, channel: Channel, address: &str) -> Result<Vec<String>, Error> {
        let sql = "select provider_ref from notification where channel = $1 and address = $2 and provider_ref is not null \
                   order by attempted_at desc, id limit 200";
        let rows = self.rows(sqlx::query(sql).bind(channel.word()).bind(address)).await?;
        rows.iter().map(|row| text(row, "provider_ref")).collect()
    }

    /// Calls that may still ring or be talked on, begun since then, with whether anything they tell of still needs
    /// somebody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calls_under_way(&self, since: Timestamp) -> Result<Vec<(Notification, bool)>, Error> {
        let sql = "select n.*, (select count(*) from notification b join incident i on i.number = b.incident_number \
                   where b.bundle = n.id and (i.status = 'triggered' or (i.status = 'acknowledged' and b.called_in = 1))) \
                   as wanted from notification n where n.channel = 'voice' and n.provider_ref is not null \
                   and n.attempted_at >= $1 and n.status in ('sent', 'cancelled') \
                   and (n.bundle is null or n.bundle = n.id) order by n.attempted_at, n.id";
        let rows = self.rows(sqlx::query(sql).bind(since.as_millisecond())).await?;
        rows.iter().map(|row| Ok((notification(row)?, int(row, "wanted")? > 0))).collect()
    }

    /// Every way to reach somebody that was used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lines(&self) -> Result<HashMap<(Channel, String), Line>, Error> {
        let rows = self.rows(sqlx::query("select * from line")).await?;
        rows.iter().map(line).collect()
    }

    /// The incidents of what was said together with a notification, by number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bundled_incidents(&self, lead: &str) -> Result<Vec<Incident>, Error> {
        let sql = "select * from incident where number in (select incident_number from notification where bundle = $1) \
                   order by number";
        let rows = self.rows(sqlx::query(sql).bind(lead)).await?;
        rows.iter().map(super::incident::incident).collect()
    }

    /// What was said together with a notification, itself included, in the order of the incidents.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bundle(&self, lead: &str) -> Result<Vec<Notification>, Error> {
        let sql = "select * from notification where bundle = $1 order by incident_number, id";
        let rows = self.rows(sqlx::query(sql).bind(lead)).await?;
        rows.iter().map(notification).collect()
    }
}

/// A notification is for an incident that nobody has, or for somebody called in by the one who has it.
pub(crate) fn needs_somebody(notification: &Notification, status: incident::Status) -> bool {
    match status {
        incident::Status::Triggered => true,
        incident::Status::Acknowledged => notification.called_in,
        incident::Status::Resolved => false,
    }
}

fn line(row: &AnyRow) -> Result<((Channel, String), Line), Error> {
    let sent_at: Vec<i64> = json(row, "sent_at")?;
    let sent_at = sent_at.into_iter().map(|at| super::millis(at, "sent_at")).collect::<Result<_, Error>>()?;
    let line = Line { busy_until: instant_or_none(row, "busy_until")?, sent_at };
    Ok(((word(row, "channel")?, text(row, "address")?), line))
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
        called_in: int(row, "called_in")? != 0,
        code: text_or_none(row, "code")?.as_deref().and_then(Code::read),
        attempted_at: instant_or_none(row, "attempted_at")?,
        uncertain_since: instant_or_none(row, "uncertain_since")?,
    })
}
