//! A command on the database of a configuration.

use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Listed;
use crate::cli::oncall::times;
use crate::cli::{self, COMMAND_LINE};
use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::domain::act::Act;
use crate::domain::request::{self, SilenceAsked};
use crate::domain::situation::Swap;
use crate::engine::{Arrangement, Engine, arrangement_id};
use crate::http::view::oncall::{OverrideView, SilenceView};
use crate::http::view::{AlertView, IncidentView, MailDetailView, MailView, SenderView};
use crate::store::incident::Filter;
use crate::store::oncall::StoredOverride;

/// Most mails that are kept aside, and most senders, that are listed.
const LISTED_MAX: i64 = 10_000;

/// A configuration with its database, which is opened when it is needed.
#[derive(Debug)]
pub(crate) struct Here {
    loaded: Loaded,
}

impl Here {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self { loaded }
    }

    /// What the configuration says.
    pub(crate) fn into_loaded(self) -> Loaded {
        self.loaded
    }

    async fn engine(&self) -> anyhow::Result<Arc<Engine>> {
        cli::engine(self.loaded.clone()).await
    }

    pub(super) async fn incidents(&self, listed: &Listed) -> anyhow::Result<Vec<IncidentView>> {
        let filter = Filter {
            statuses: listed.statuses.clone(),
            services: listed.service.iter().cloned().collect(),
            limit: listed.limit,
            ..Filter::default()
        };
        let found = cli::store(&self.loaded).await?.incidents(&filter).await?;
        Ok(found.into_iter().map(IncidentView::from).collect())
    }

    pub(super) async fn incident(&self, number: i64) -> anyhow::Result<IncidentView> {
        let store = cli::store(&self.loaded).await?;
        let Some(incident) = store.incident(number).await? else { bail!("there is no incident #{number}") };
        Ok(IncidentView::from(incident).with_timeline(store.timeline(number).await?))
    }

    pub(super) async fn act(&self, number: i64, act: Act) -> anyhow::Result<IncidentView> {
        let engine = self.engine().await?;
        let handled = engine.act(number, &act, &cli::actor(), None).await?;
        Ok(IncidentView::from(handled.incident).with_timeline(engine.store().timeline(number).await?))
    }

    pub(super) async fn mail(&self, id: &str) -> anyhow::Result<MailDetailView> {
        let found = cli::store(&self.loaded).await?.mail(id).await?;
        let Some((mail, alerts)) = found else { bail!("there is no mail {id:?}") };
        Ok(MailDetailView::of(mail, alerts))
    }

    pub(super) async fn raw(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        let Some(raw) = cli::store(&self.loaded).await?.mail_raw(id).await? else { bail!("there is no mail {id:?}") };
        Ok(raw)
    }

    pub(super) async fn again(&self, id: &str, release: bool) -> anyhow::Result<Vec<AlertView>> {
        let engine = self.engine().await?;
        let done = match release {
            true => engine.release(id, &cli::actor()).await?,
            false => engine.reprocess(id, &cli::actor()).await?,
        };
        let Some(alerts) = done else { bail!("there is no mail {id:?}") };
        Ok(alerts.into_iter().map(AlertView::from).collect())
    }

    pub(super) async fn quarantined(&self) -> anyhow::Result<Vec<MailView>> {
        let found = cli::store(&self.loaded).await?.quarantined(LISTED_MAX).await?;
        Ok(found.into_iter().map(|(mail, alerts)| MailView::listed(mail, alerts)).collect())
    }

    pub(super) async fn senders(&self, service: Option<&str>) -> anyhow::Result<Vec<SenderView>> {
        let found = cli::store(&self.loaded).await?.senders(service, LISTED_MAX).await?;
        Ok(found.into_iter().map(SenderView::from).collect())
    }

    pub(super) fn zone(&self, schedule: Option<&str>) -> anyhow::Result<TimeZone> {
        let Some(name) = schedule else { return Ok(times::zone_of(&self.loaded.definitions.roster)) };
        Ok(cli::oncall::schedule(&self.loaded, name)?.zone.clone())
    }

    pub(super) async fn overrides(&self) -> anyhow::Result<Vec<OverrideView>> {
        let found = cli::store(&self.loaded).await?.overrides_since(Clock::System.now()).await?;
        Ok(found.into_iter().map(OverrideView::from).collect())
    }

    pub(super) async fn add_override(&self, swap: Swap, now: Timestamp) -> anyhow::Result<OverrideView> {
        request::check_takeover(&swap, &self.loaded.definitions.roster, now)?;
        let stored = StoredOverride { swap, author: COMMAND_LINE.to_owned(), created_at: now };
        self.engine().await?.arrange(Arrangement::Override(stored.clone()), &cli::actor()).await?;
        Ok(OverrideView::from(stored))
    }

    pub(super) async fn remove_override(&self, id: &str) -> anyhow::Result<()> {
        self.engine().await?.arrange(Arrangement::WithdrawOverride(id.to_owned()), &cli::actor()).await?;
        Ok(())
    }

    pub(super) async fn silences(&self) -> anyhow::Result<Vec<SilenceView>> {
        let found = cli::store(&self.loaded).await?.silences_since(Clock::System.now()).await?;
        Ok(found.into_iter().map(SilenceView::from).collect())
    }

    pub(super) async fn add_silence(&self, asked: SilenceAsked, now: Timestamp) -> anyhow::Result<SilenceView> {
        let silence = asked.checked(&self.loaded.definitions, &arrangement_id(), COMMAND_LINE, now)?;
        self.engine().await?.arrange(Arrangement::Silence(Box::new(silence.clone())), &cli::actor()).await?;
        Ok(SilenceView::from(silence))
    }

    pub(super) async fn end_silence(&self, id: &str) -> anyhow::Result<()> {
        self.engine().await?.arrange(Arrangement::EndSilence(id.to_owned()), &cli::actor()).await?;
        Ok(())
    }
}
