//! Where mail goes: to services, and what is for ourselves to whoever hears answers.

use std::sync::Arc;

use crate::domain::authentication::Wanted;
use crate::engine::intake::{Incoming, Receipt};
use crate::engine::{Engine, Error};
use crate::notify::mail::answers::Answers;
use crate::smtp;
use crate::smtp::session::Acceptance;

/// The engine, with those who hear answers before it.
#[derive(Debug)]
pub(super) struct Mailroom {
    engine: Arc<Engine>,
    answers: Option<Answers>,
}

impl Mailroom {
    /// Mail for ourselves goes to `answers`, where mail is sent at all.
    pub(super) fn new(engine: Arc<Engine>, answers: Option<Answers>) -> Self {
        Self { engine, answers }
    }

    async fn take(&self, answers: &Answers, mut incoming: Incoming) -> Result<Receipt, Error> {
        if answers.is_own(&incoming.raw) {
            tracing::info!(peer = incoming.client.address, "our own mail came back; nothing is done about it");
            let trace = incoming.recipients.iter().map(|to| (to.clone(), "our own mail came back".to_owned()));
            let trace = trace.collect();
            return self.engine.file(incoming, trace).await;
        }
        let recipients = std::mem::take(&mut incoming.recipients);
        let (ours, others): (Vec<String>, Vec<String>) =
            recipients.into_iter().partition(|recipient| answers.is_ours(recipient).is_some());
        let mut heard = Vec::with_capacity(ours.len());
        for recipient in ours {
            let came_of_it = answers.hear(&incoming, &recipient).await?;
            heard.push((recipient, came_of_it));
        }
        if others.is_empty() {
            incoming.recipients = heard.iter().map(|(recipient, _)| recipient.clone()).collect();
            return self.engine.file(incoming, heard).await;
        }
        incoming.recipients = others;
        self.engine.receive(incoming).await
    }
}

impl smtp::Mailroom for Mailroom {
    fn accepts(&self, recipient: &str) -> Acceptance {
        match self.answers.as_ref().and_then(|answers| answers.is_ours(recipient)) {
            Some(true) => Acceptance::Accepted,
            Some(false) => Acceptance::UnknownMailbox,
            None => smtp::Mailroom::accepts(&*self.engine, recipient),
        }
    }

    fn wanted(&self, recipients: &[String]) -> Wanted {
        self.engine.wanted(recipients)
    }

    async fn receive(&self, incoming: Incoming) -> Result<Receipt, Error> {
        match &self.answers {
            Some(answers) => self.take(answers, incoming).await,
            None => self.engine.receive(incoming).await,
        }
    }
}
