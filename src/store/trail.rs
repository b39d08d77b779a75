//! The trail: who has changed what, by what way, from where, and how it was before. One chain of rows, each with the
//! hash of the row before it, written in the transaction that makes the change.
//!
//! Not to be confused with the auditor, which looks for what is forgotten. Whoever may write to the database can
//! write another chain; who keeps a hash elsewhere (`audit export`) finds out.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, int, millis, text, to_json};
use crate::domain::actor::{Actor, Way};
use crate::domain::hex::hex;

/// Rows read at once while the chain is gone through.
const STRIDE: i64 = 1000;

/// What somebody has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    who: String,
    way: Way,
    origin: String,
    what: &'static str,
    about: String,
    was: Value,
    became: Value,
}

impl Act {
    /// Somebody did this about that: "acknowledged" "incident 7".
    pub fn new(by: &Actor, what: &'static str, about: impl Into<String>) -> Self {
        let (who, way, origin) = (by.who.clone(), by.way, by.origin.clone());
        Self { who, way, origin, what, about: about.into(), was: Value::Null, became: Value::Null }
    }

    /// How it was before.
    #[must_use]
    pub fn was(self, was: Value) -> Self {
        Self { was, ..self }
    }

    /// How it became.
    #[must_use]
    pub fn became(self, became: Value) -> Self {
        Self { became, ..self }
    }
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Counts up from 1 without a gap.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// By what.
    pub way: String,
    /// From where; may be empty.
    pub origin: String,
    /// What was done.
    pub what: String,
    /// About what.
    pub about: String,
    /// How it was, as JSON; may be empty.
    pub was: String,
    /// How it became, as JSON; may be empty.
    pub became: String,
    /// The hash of the row before; empty for the first.
    pub previous: String,
    /// The SHA-256, in hex, of the JSON array of all the above in this order, `at` as milliseconds since 1970.
    pub hash: String,
}

impl Told {
    /// The hash that this row must have.
    fn sealed(&self) -> String {
        let Self { number, at, who, way, origin, what, about, was, became, previous, hash: _ } = self;
        let all = (number, at.as_millisecond(), who, way, origin, what, about, was, became, previous);
        hex(&Sha256::digest(to_json(&all).as_bytes()))
    }
}

/// Where a chain ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// The number of the last row; 0 when there is none.
    pub number: i64,
    /// Its hash; empty when there is none.
    pub hash: String,
}

/// The first row that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {number} {why}")]
pub struct Broken {
    /// Its number.
    pub number: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

impl End {
    /// Goes on to the next row of a chain.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn follow(&mut self, row: &Told) -> Result<(), Broken> {
        let broken = |number, why| Err(Broken { number, why });
        if row.number != self.number + 1 {
            return broken(self.number + 1, "is missing");
        }
        if row.previous != self.hash {
            return broken(row.number, "does not follow from the row before");
        }
        if row.hash != row.sealed() {
            return broken(row.number, "was changed after it was written");
        }
        *self = Self { number: row.number, hash: row.hash.clone() };
        Ok(())
    }

    /// Whether this is where the chain ends.
    ///
    /// # Errors
    /// When rows are missing behind it, or nobody noted that they were added.
    pub fn is_last(&self, end: &Self) -> Result<(), Broken> {
        if self == end {
            return Ok(());
        }
        let why = if self.number < end.number { "is missing" } else { "is not where the chain ends" };
        Err(Broken { number: if self.number < end.number { self.number + 1 } else { end.number + 1 }, why })
    }
}

impl WriteTx {
    /// Has the trail tell what somebody did, with the commit of this transaction. What we do by ourselves is told by
    /// timelines alone: mails and timers are not somebody.
    pub(crate) fn tell(&mut self, act: Act, at: Timestamp) {
        if act.way != Way::Ourselves {
            self.told.push((at, act));
        }
    }

    /// Adds what was told to the chain. The last thing before a commit: whoever adds to the chain holds its end, and
    /// must not wait for anything that others hold.
    pub(crate) async fn seal(&mut self) -> Result<(), Error> {
        if self.told.is_empty() {
            return Ok(());
        }
        // Writing first waits for whoever is before us; what is read then is what they have committed.
        let sql = "update trail_end set number = number where id = 1 returning number, hash";
        let row = sqlx::query(sql).fetch_one(self.connection()).await?;
        let mut end = End { number: int(&row, "number")?, hash: text(&row, "hash")? };
        for (at, act) in std::mem::take(&mut self.told) {
            let json = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
            let mut row = Told {
                number: end.number + 1,
                // As the database keeps it, so that the hash is of what is read again.
                at: millis(at.as_millisecond(), "at")?,
                was: json(&act.was),
                became: json(&act.became),
                who: plain(act.who),
                way: act.way.word().to_owned(),
                origin: plain(act.origin),
                what: act.what.to_owned(),
                about: plain(act.about),
                previous: end.hash,
                hash: String::new(),
            };
            row.hash = row.sealed();
            self.insert_told(&row).await?;
            end = End { number: row.number, hash: row.hash };
        }
        let query = sqlx::query("update trail_end set number = $1, hash = $2 where id = 1").bind(end.number);
        query.bind(&end.hash).execute(self.connection()).await?;
        Ok(())
    }

    async fn insert_told(&mut self, row: &Told) -> Result<(), Error> {
        let sql = "insert into trail (number, at, who, way, origin, what, about, was, became, previous, hash) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let query = sqlx::query(sql).bind(row.number).bind(row.at.as_millisecond()).bind(&row.who).bind(&row.way);
        let query = query.bind(&row.origin).bind(&row.what).bind(&row.about).bind(&row.was).bind(&row.became);
        query.bind(&row.previous).bind(&row.hash).execute(self.connection()).await?;
        Ok(())
    }
}

/// PostgreSQL takes no NUL in a text. JSON escapes it.
fn plain(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

impl Store {
    /// Tells what somebody did and nothing else, such as a sign-in that was refused.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell(&self, act: Act, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.tell(act, now);
        tx.commit().await
    }

    /// Tells that other definitions are in force on a node than were before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_definitions(&self, node: &str, version: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into definitions_told (node, version) values ($1, '') \
                   on conflict (node) do update set version = definitions_told.version returning version";
        let before = text(&sqlx::query(sql).bind(node).fetch_one(tx.connection()).await?, "version")?;
        if before != version {
            let query = sqlx::query("update definitions_told set version = $2 where node = $1").bind(node);
            query.bind(version).execute(tx.connection()).await?;
            let act = Act::new(&Actor::files(node), "definitions_replaced", format!("definitions of {node}"));
            let was = if before.is_empty() { Value::Null } else { json!({ "version": before }) };
            tx.tell(act.was(was).became(json!({ "version": version })), now);
        }
        tx.commit().await
    }

    /// Rows behind a number, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trail_after(&self, number: i64, limit: i64) -> Result<Vec<Told>, Error> {
        let sql = "select * from trail where number > $1 order by number limit $2";
        self.rows(sqlx::query(sql).bind(number).bind(limit)).await?.iter().map(told).collect()
    }

    /// Rows before a number, or the last ones, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trail_before(&self, number: Option<i64>, limit: i64) -> Result<Vec<Told>, Error> {
        let sql = "select * from trail where number < $1 order by number desc limit $2";
        let before = number.unwrap_or(i64::MAX);
        self.rows(sqlx::query(sql).bind(before).bind(limit)).await?.iter().map(told).collect()
    }

    /// What the trail tells last of sessions by the way for emergencies, newest first: how they began and ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trail_of_glass(&self, limit: i64) -> Result<Vec<Told>, Error> {
        // In these words the index of such rows is found.
        let sql = "select * from trail where about = 'break glass' and what in ('signed_in', 'session_ended') \
                   order by number desc limit $1";
        self.rows(sqlx::query(sql).bind(limit)).await?.iter().map(told).collect()
    }

    /// Where the chain ends, as whoever wrote last has noted it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trail_end(&self) -> Result<End, Error> {
        let row = self.row(sqlx::query("select number, hash from trail_end where id = 1")).await?;
        let end = |row| Ok(End { number: int(&row, "number")?, hash: text(&row, "hash")? });
        row.map_or_else(|| Ok(End::default()), end)
    }

    /// Goes through the whole chain; `seen` sees every row that fits. The end of it, or the first row that does not
    /// fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn walk_trail(&self, mut seen: impl FnMut(&Told)) -> Result<Result<End, Broken>, Error> {
        // Read first: rows that are added meanwhile are behind it.
        let last = self.trail_end().await?;
        let mut end = End::default();
        while end.number < last.number {
            let limit = STRIDE.min(last.number - end.number);
            let rows = self.trail_after(end.number, limit).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                if let Err(broken) = end.follow(row) {
                    return Ok(Err(broken));
                }
                seen(row);
            }
        }
        // Nobody has noted what lies behind the end, unless it was added just now.
        if end == last && self.trail_end().await? == last && !self.trail_after(last.number, 1).await?.is_empty() {
            return Ok(Err(Broken { number: last.number + 1, why: "lies behind the end of the chain" }));
        }
        Ok(end.is_last(&last).map(|()| end))
    }
}

fn told(row: &AnyRow) -> Result<Told, Error> {
    Ok(Told {
        number: int(row, "number")?,
        at: instant(row, "at")?,
        who: text(row, "who")?,
        way: text(row, "way")?,
        origin: text(row, "origin")?,
        what: text(row, "what")?,
        about: text(row, "about")?,
        was: text(row, "was")?,
        became: text(row, "became")?,
        previous: text(row, "previous")?,
        hash: text(row, "hash")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes a row behind the chain's back.
    type Forge = fn(&mut Told);

    fn chain() -> Vec<Told> {
        let mut previous = String::new();
        let row = |number: i64| {
            let mut row = Told {
                number,
                at: Timestamp::UNIX_EPOCH,
                who: "ann".to_owned(),
                way: "page".to_owned(),
                origin: "192.0.2.1".to_owned(),
                what: "acknowledged".to_owned(),
                about: format!("incident {number}"),
                was: String::new(),
                became: "{}".to_owned(),
                previous: previous.clone(),
                hash: String::new(),
            };
            row.hash = row.sealed();
            previous.clone_from(&row.hash);
            row
        };
        (1..=4).map(row).collect()
    }

    fn walked(rows: &[Told]) -> Result<End, Broken> {
        let mut end = End::default();
        rows.iter().try_for_each(|row| end.follow(row)).map(|()| end)
    }

    #[test]
    fn the_first_row_that_does_not_fit_is_named() {
        let whole = chain();
        let last = walked(&whole).expect("whole");
        assert_eq!((last.number, last.is_last(&last)), (4, Ok(())));
        let changed: [(&str, Forge); 9] = [
            ("who", |row| row.who = "bob".to_owned()),
            ("way", |row| row.way = "api".to_owned()),
            ("origin", |row| row.origin.clear()),
            ("what", |row| row.what = "resolved".to_owned()),
            ("about", |row| row.about = "incident 9".to_owned()),
            ("was", |row| row.was = "{}".to_owned()),
            ("became", |row| row.became.clear()),
            ("at", |row| row.at = Timestamp::from_millisecond(1).expect("an instant")),
            ("hash", |row| row.hash.replace_range(..1, "x")),
        ];
        for (name, change) in changed {
            let mut rows = whole.clone();
            change(&mut rows[1]);
            assert_eq!(walked(&rows).expect_err(name).number, 2, "{name}");
        }
        for (gone, first) in [(0, 1), (1, 2), (2, 3)] {
            let mut rows = whole.clone();
            rows.remove(gone);
            assert_eq!(walked(&rows).expect_err("a gap"), Broken { number: first, why: "is missing" });
        }
        // Sealed again after it was changed: what follows does not fit any more.
        let mut rows = whole.clone();
        rows[1].who = "bob".to_owned();
        rows[1].hash = rows[1].sealed();
        assert_eq!(walked(&rows).expect_err("another chain").number, 3);
        let short = walked(&whole[..2]).expect("fits so far");
        assert_eq!(short.is_last(&last).expect_err("cut off").number, 3);
    }
}
