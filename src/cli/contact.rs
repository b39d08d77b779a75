//! `contact`: whether people can be reached, on the database itself.

use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::{ConfigArg, print_json};
use crate::clock::Stopwatch;
use crate::domain::notice::Proof;
use crate::domain::notification::Status;
use crate::domain::roster::Roster;
use crate::http::view::people::{ContactView, UserView};

/// How long a test is waited for.
const SENT_WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked how far it is.
const LOOKED_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List everybody's contact methods and how well they work
    List(List),
    /// Send a test to a contact method; the running gateway sends it
    Test(One),
    /// Prove that a contact method reaches its person, with the code that the test brought
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose
    user: String,
    /// Which of theirs [default: the only one]
    contact: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose
    user: String,
    /// Which of theirs
    contact: String,
    /// The six digits
    code: String,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(args).await,
        Command::Test(one) => test(one).await,
        Command::Verify(args) => verify(args).await,
    }
}

async fn list(args: &List) -> anyhow::Result<()> {
    let loaded = args.config.load()?;
    let contacts = super::store(&loaded).await?.contacts().await?;
    let people: Vec<UserView> =
        loaded.definitions.roster.users.values().map(|user| UserView::of(user, &contacts)).collect();
    if args.json {
        return print_json(&json!({ "people": people }));
    }
    for person in &people {
        let verified = person.contacts.iter().filter(|contact| contact.verified).count();
        println!("{}: {verified} of {} verified", person.name, person.contacts.len());
        for contact in &person.contacts {
            println!("  {}", line(contact));
        }
    }
    Ok(())
}

/// "phone  voice +49…  verified; last answered 2026-11-21T03:12:09Z".
fn line(contact: &ContactView) -> String {
    let mut facts = vec![if contact.verified { "verified".to_owned() } else { "not verified".to_owned() }];
    facts.extend(contact.answered_at.map(|at| format!("last answered {at:.0}")));
    facts.extend(contact.accepted_at.map(|at| format!("last {} {at:.0}", contact.accepted_word())));
    let why = contact.failed_why.as_deref().unwrap_or_default();
    // A failure that was made good since is history.
    let failed = contact.failed_at.filter(|at| contact.answered_at.max(contact.accepted_at) < Some(*at));
    facts.extend(failed.map(|at| format!("failed {at:.0}: {why}")));
    format!("{}  {} {}  {}", contact.name, contact.channel, contact.address, facts.join("; "))
}

async fn test(one: &One) -> anyhow::Result<()> {
    let loaded = one.config.load()?;
    let contact = contact(&loaded.definitions.roster, &one.user, one.contact.as_deref())?;
    let engine = super::engine(loaded).await?;
    let Some(test) = engine.test_contact(&one.user, &contact, &super::actor()).await? else {
        bail!("{} is gone", one.user)
    };
    let waiting = Stopwatch::start();
    while waiting.elapsed() < SENT_WITHIN {
        let told = engine.store().notice(&test.id).await?;
        let Some(told) = told else { bail!("the test is gone") };
        match told.status {
            Status::Sent | Status::Delivered => {
                println!("sent to {} by {contact}", one.user);
                println!("then: nightcall contact verify {} {contact} CODE (on the phone: press 4)", one.user);
                return Ok(());
            }
            Status::Failed | Status::Cancelled => {
                bail!("the test could not be sent: {}", told.error.unwrap_or_default());
            }
            Status::Pending | Status::Sending => tokio::time::sleep(LOOKED_EVERY).await,
        }
    }
    let why = engine.store().notice(&test.id).await?.and_then(|told| told.error);
    match why {
        Some(why) => bail!("the test was not sent yet: {why}; the gateway goes on trying"),
        None => bail!("the test was not sent yet: is the gateway running (nightcall serve) with this database?"),
    }
}

async fn verify(args: &Verify) -> anyhow::Result<()> {
    let loaded = args.config.load()?;
    let contact = contact(&loaded.definitions.roster, &args.user, Some(&args.contact))?;
    let engine = super::engine(loaded).await?;
    match engine.verify_contact(&args.user, &contact, &args.code, &super::actor()).await? {
        Some(Proof::Verified) => println!("{contact} of {} is verified", args.user),
        Some(other) => bail!("{other}"),
        None => bail!("{} has no contact {contact}", args.user),
    }
    Ok(())
}

/// The contact that is meant, or what there is to choose from.
fn contact(roster: &Roster, user: &str, wanted: Option<&str>) -> anyhow::Result<String> {
    let Some(person) = roster.users.get(user) else {
        let known: Vec<&str> = roster.users.keys().map(String::as_str).collect();
        bail!("there is no user {user:?}; there are {}", known.join(", "));
    };
    let names: Vec<&str> = person.methods.iter().map(|method| method.name.as_str()).collect();
    match (wanted, &names[..]) {
        (Some(wanted), names) if names.contains(&wanted) => Ok(wanted.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (Some(wanted), _) => bail!("{user} has no contact {wanted:?}; there are {}", names.join(", ")),
        (None, _) => bail!("which contact of {user}? There are {}", names.join(", ")),
    }
}
