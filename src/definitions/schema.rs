//! The shape of a rule pack as types, and the JSON Schema made from them, by which editors complete and check.
//!
//! What the files mean is read in [`super::pack`], which tells places and hints; `tests/it/schema.rs` holds the two
//! together: every shipped pack fits the schema, and both know the same keys.
#![allow(dead_code, reason = "these types are looked at by the schema's generator and never made")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};

/// The schema of a rule pack (JSON Schema 2020-12).
pub fn pack_schema() -> Schema {
    schema_for!(RulePack)
}

/// A rule pack: the rules for one kind of mail source. The file's name is the pack's name.
#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RulePack {
    /// Which product, which mails: one line.
    description: Option<String>,
    /// Holds for every rule of the file that does not say otherwise.
    defaults: Option<Defaults>,
    /// Asked in order; the first that matches reads the mail, but a later trigger beats a resolve.
    rule: Vec<Rule>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Defaults {
    /// Criteria that every rule has in addition to its own.
    when: Option<When>,
    /// As in a rule.
    transform: Option<BTreeMap<String, Steps>>,
    /// As in a rule.
    severity: Option<SeverityChoice>,
    /// As in a rule.
    summary: Option<String>,
    /// As in a rule.
    details: Option<BTreeMap<String, String>>,
    /// As in a rule.
    links: Option<BTreeMap<String, String>>,
}

/// What a mail must look like, and what it then claims.
#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Unique in the file.
    name: String,
    /// What the mail asks of the incident with its dedup key.
    action: ActionChoice,
    /// How bad it is; error unless said otherwise.
    severity: Option<SeverityChoice>,
    /// Identifies the thing within its service: the same for a problem and its recovery. `{name}` is a capture.
    dedup_key: Option<String>,
    /// One line for a person; the subject unless said otherwise. `{name}` is a capture.
    summary: Option<String>,
    /// Why a mail like this is ignored or treated so; needed to ignore.
    reason: Option<String>,
    /// How long the first page of its incident waits, such as "90s": a recovery within that time calls nobody.
    hold: Option<String>,
    /// With `ignore` only: the mail announces planned work on the thing with this dedup key.
    downtime: Option<DowntimeChoice>,
    /// The criteria; all must hold.
    when: Option<When>,
    /// Steps that captures go through before they are used.
    transform: Option<BTreeMap<String, Steps>>,
    /// What else is worth knowing, by name; an entry whose capture is missing is left out.
    details: Option<BTreeMap<String, String>>,
    /// Web addresses worth opening, by name; an entry whose capture is missing is left out.
    links: Option<BTreeMap<String, String>>,
    /// One mail, several alerts.
    for_each: Option<ForEach>,
    /// Sample mails and what this rule must say about them.
    test: Option<Vec<Test>>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct When {
    /// The decoded subject without Re:, Fwd:, list and gateway tags.
    subject: Option<Criterion>,
    /// The decoded subject as it came.
    subject_raw: Option<Criterion>,
    /// The text part.
    text: Option<Criterion>,
    /// The HTML part as text: a line for each block or table row, cells separated by a tab.
    html_text: Option<Criterion>,
    /// The text part or the HTML as text: either may match.
    body: Option<Criterion>,
    /// The HTML part as it is.
    html: Option<Criterion>,
    /// The address in From, lower case.
    from: Option<Criterion>,
    /// The address in Reply-To, lower case.
    reply_to: Option<Criterion>,
    /// The envelope recipient, lower case.
    recipient: Option<Criterion>,
    /// What stands behind the + in the recipient's mailbox.
    suffix: Option<Criterion>,
    /// The envelope sender.
    sender: Option<Criterion>,
    /// The address of the client; `is` takes networks like 10.0.0.0/8.
    client: Option<Criterion>,
    /// The names of attachments.
    attachment: Option<Criterion>,
    /// Any header, by name.
    header: Option<BTreeMap<String, Criterion>>,
}

/// A pattern, several of which any may match, or a table of demands.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum Criterion {
    Pattern(Pattern),
    AnyOf(Vec<Pattern>),
    Demands(Demands),
}

/// All that are there must hold.
#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Demands {
    /// Every pattern must match.
    all: Option<OneOrMore>,
    /// At least one pattern must match.
    any: Option<OneOrMore>,
    /// It must be one of these plain values.
    is: Option<OneOrMore>,
    /// No pattern may match.
    not: Option<OneOrMore>,
    /// Patterns that may match and then give their captures.
    optional: Option<OneOrMore>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum OneOrMore {
    One(Pattern),
    More(Vec<Pattern>),
}

/// A regular expression of the Rust crate regex: linear time, no look-around. Named groups `(?<name>…)` capture.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
struct Pattern(#[schemars(length(max = 4096))] String);

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    Trigger,
    Acknowledge,
    Resolve,
    Heartbeat,
    Ignore,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum ActionChoice {
    Fixed(Action),
    Lookup(Lookup<Action>),
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum DowntimeChoice {
    Fixed(Downtime),
    Lookup(Lookup<Downtime>),
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Downtime {
    /// The work begins.
    Start,
    /// It is over, or was called off.
    End,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum SeverityChoice {
    Fixed(Severity),
    Lookup(Lookup<Severity>),
}

/// Looked up from a captured word or number.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "{T}Lookup")]
#[serde(deny_unknown_fields)]
struct Lookup<T> {
    /// The capture.
    from: String,
    /// By word, without regard to case.
    map: Option<BTreeMap<String, T>>,
    /// By number: the greatest bound that is not above it.
    at_least: Option<BTreeMap<String, T>>,
    /// For what is in neither; without it the rule does not match then.
    default: Option<T>,
}

/// One step, or several in order.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum Steps {
    One(Step),
    More(Vec<Step>),
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
enum Step {
    Word(StepWord),
    Replace(Replace),
    Map(Map),
    FirstOf(FirstOf),
    From(From),
    Default(DefaultText),
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StepWord {
    Lower,
    Upper,
    Trim,
    StripDomain,
    FirstWord,
    FirstLine,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replace {
    /// What to replace.
    replace: Pattern,
    /// With what; `${name}` and `$1` are what was captured.
    #[schemars(length(max = 256))]
    with: String,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Map {
    /// By word, without regard to case; what is not in it stays.
    map: BTreeMap<String, String>,
    /// For what is not in it.
    default: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FirstOf {
    /// The first of these captures that has a value.
    first_of: Vec<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct From {
    /// Another capture.
    from: String,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DefaultText {
    /// Where there is no value.
    default: String,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForEach {
    /// Where to look: a field as in `when`; a header is header.NAME.
    field: String,
    /// Every match is an alert.
    r#match: Pattern,
    /// Its captures hold for the matches behind it, until it matches again.
    section: Option<Pattern>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Test {
    /// A sample mail, beside the pack.
    mail: Option<String>,
    /// A sample mail that stands here.
    mail_text: Option<String>,
    /// Its envelope sender.
    sender: Option<String>,
    /// Its envelope recipient.
    recipient: Option<String>,
    /// The address of the client that delivers it.
    client: Option<String>,
    /// Whether this rule must match; false demands that it does not.
    matches: Option<bool>,
    /// Expected alerts in order, where there are several.
    alerts: Option<Vec<ExpectedAlert>>,
    /// Expected action.
    action: Option<Action>,
    /// Expected dedup key.
    dedup_key: Option<String>,
    /// Expected severity.
    severity: Option<Severity>,
    /// Expected summary.
    summary: Option<String>,
    /// Some expected details.
    details: Option<BTreeMap<String, String>>,
    /// Some expected links.
    links: Option<BTreeMap<String, String>>,
}

#[derive(Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExpectedAlert {
    /// Expected action.
    action: Option<Action>,
    /// Expected dedup key.
    dedup_key: Option<String>,
    /// Expected severity.
    severity: Option<Severity>,
    /// Expected summary.
    summary: Option<String>,
    /// Some expected details.
    details: Option<BTreeMap<String, String>>,
    /// Some expected links.
    links: Option<BTreeMap<String, String>>,
}
