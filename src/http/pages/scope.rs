//! What an act is about: the services on whose incidents, shifts or silences it works, read from its address and form
//! before it happens. The guard asks; whoever may do less for a service does not pass.

use std::collections::HashMap;

use crate::domain::Definitions;
use crate::domain::role::Reach;
use crate::domain::target::Target;
use crate::http::{Shared, is_mail_id};
use crate::store;

/// Where an act says what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Its address has the number of an incident.
    Incident,
    /// Its form has numbers of incidents.
    Incidents,
    /// Its address has the id of a mail.
    Mail,
    /// Its form names a schedule.
    Schedule,
    /// Its address has the id of an override.
    Override,
    /// Its form names a service, or none for all.
    Service,
    /// Its address has the id of a silence.
    Silence,
    /// Nothing of any service: whoever may do it for one of them may do it.
    Anywhere,
}

/// Most incidents of one form that are looked up.
const NUMBERS_MAX: usize = 200;

/// What the act with this address and form is about.
pub(super) async fn reach(shared: &Shared, scope: Scope, path: &str, form: &[u8]) -> Result<Reach, store::Error> {
    let (store, definitions) = (shared.engine.store(), shared.engine.definitions());
    let named = path.split('/').nth(2).unwrap_or_default();
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(form);
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    Ok(match scope {
        Scope::Anywhere => Reach::Nothing,
        Scope::Incident => {
            let incident = match named.parse() {
                Ok(number) => store.incident(number).await?,
                Err(_) => None,
            };
            incident.map_or(Reach::Nothing, |incident| Reach::Each(vec![incident.service]))
        }
        Scope::Incidents => {
            let numbers = url::form_urlencoded::parse(form).filter(|(name, _)| name == "number");
            let numbers: Vec<i64> = numbers.filter_map(|(_, number)| number.parse().ok()).take(NUMBERS_MAX).collect();
            let services = store.services_of_incidents(&numbers).await?;
            if services.is_empty() { Reach::Nothing } else { Reach::Each(services) }
        }
        Scope::Mail => {
            let services = if is_mail_id(named) { store.services_of_mail(named).await? } else { Vec::new() };
            if services.is_empty() { Reach::Nothing } else { Reach::Each(services) }
        }
        Scope::Schedule => Reach::AnyOf(services_called_by(&definitions, &field("schedule"))),
        Scope::Override => {
            let id = path.split('/').nth(3).unwrap_or_default();
            let known = store.overrides_since(shared.engine.clock().now()).await?;
            let stored = known.into_iter().find(|stored| stored.swap.shift.id == id);
            let services = |schedule: &str| Reach::AnyOf(services_called_by(&definitions, schedule));
            stored.map_or(Reach::Nothing, |stored| services(&stored.swap.schedule))
        }
        Scope::Service => about(Some(field("service"))),
        Scope::Silence => {
            let known = store.silences_since(shared.engine.clock().now()).await?;
            let silence = known.into_iter().find(|silence| silence.id == named);
            silence.map_or(Reach::Nothing, |silence| about(silence.matcher.wanted().service.clone()))
        }
    })
}

fn about(service: Option<String>) -> Reach {
    service.filter(|name| !name.is_empty()).map_or(Reach::Everything, |name| Reach::Each(vec![name]))
}

/// The services whose policies call people by a schedule.
fn services_called_by(definitions: &Definitions, schedule: &str) -> Vec<String> {
    let calls = |target: &Target| matches!(target, Target::Schedule(name) | Target::Everyone(name) if name == schedule);
    let policies = definitions.roster.policies.values();
    let is_used: HashMap<&str, bool> = policies
        .map(|policy| (policy.name.as_str(), policy.steps.iter().any(|step| step.targets.iter().any(calls))))
        .collect();
    let services = definitions.rulebook.services.iter();
    let used = services.filter(|service| is_used.get(service.handling.policy.as_str()).copied().unwrap_or(false));
    used.map(|service| service.name.clone()).collect()
}
