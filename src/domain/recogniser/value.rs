//! Tells names from values: numbers, quantities, times, ids and addresses.

use super::lexicon;
use super::text::{Place, Token};

/// Nouns whose number is a measured value or the number of the mail, not a name.
const MEASURES: &str = "temperature usage load depth length utilization utilisation latency pressure humidity size \
    space used free available memory rate cpu percent loss value current voltage power speed time count total id \
    number no nr num pid uid error errors code exit status http rc errno event alert alarm incident ticket case \
    problem issue severity sev priority prio level attempt retry threshold limit score age duration build run last \
    over under above below than to of is at by in on for from temperatur auslastung wert nummer fehler temperature \
    utilisation valeur numero erreur valor uso temperatura carga numero erro and or after before since within about \
    message mail lag delay lost sent received backlog seq sequence job run build session batch process";

const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";

/// Units that make a number a quantity.
const UNITS: &str = "% ms s sec secs m min mins h hr hrs d w b k kb mb gb tb pb kib mib gib tib kbps mbps gbps bps c f \
    v a w va kva kw kwh hz khz mhz ghz g t gb/s mb/s kb/s gbit mbit rpm bar psi pa hpa kpa ppm db dbm x °c °f ° us µs \
    ns km mm cm st nd rd th °";

/// An IPv4 address, with or without a port.
pub(super) fn is_address(text: &str) -> bool {
    let host = text.split([':', '/']).next().unwrap_or(text);
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// The name a token is, or `None` when it is a value, a time or an id.
pub(super) fn name(tokens: &[Token], at: usize, drop: &[bool]) -> Option<String> {
    let token = &tokens[at];
    let text = token.text.as_str();
    if token.is_number() {
        return number(tokens, at, drop);
    }
    if token.cjk {
        // One character left over between known words is grammar more often than a name.
        return (text.chars().count() > 1).then(|| text.to_owned());
    }
    let number = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(Token::is_number);
    if number && UNITS.split_whitespace().any(|unit| unit == text) {
        return None;
    }
    if text.chars().nth(1).is_none() {
        let letter = text.chars().all(|c| c.is_ascii_alphabetic()) && (token.place == Place::Quoted || token.caps);
        return letter.then(|| text.to_owned());
    }
    let text = undated(text);
    if text.chars().nth(1).is_none()
        || is_quantity(text)
        || is_time(text)
        || is_id(text)
        || is_rank(token)
        || labelled_id(tokens, at)
    {
        return None;
    }
    if text.contains("://") || text.starts_with("www.") {
        return url(text);
    }
    Some(text.trim_matches(['"', '\'']).to_owned())
}

/// A number names something behind a noun ("outlet 7", "port 443"); elsewhere it is a value.
fn number(tokens: &[Token], at: usize, drop: &[bool]) -> Option<String> {
    let text = tokens[at].text.as_str();
    if text.contains(['.', ',']) && !is_address(text) {
        return None;
    }
    let before = at.checked_sub(1).and_then(|before| tokens.get(before))?;
    if before.is("#") && text.len() > 1 {
        return None;
    }
    let hash = before.is("#") || before.is("-") && tokens[at].glued;
    let before = if hash { at.checked_sub(2).and_then(|before| tokens.get(before))? } else { before };
    let noun = !before.mark
        && before.text.chars().all(|c| c.is_alphabetic() || c == '-')
        && !drop[at - 1]
        && lexicon::takes_number(before)
        && !MEASURES.split_whitespace().any(|measure| measure == before.text);
    let after = tokens.get(at + 1);
    let valued = after.is_some_and(|token| {
        let unit = UNITS.split_whitespace().any(|unit| unit == token.text) || token.cjk;
        // A number in front of a plural counts.
        let plural = !drop[at + 1] && token.text.len() > 3 && token.text.ends_with('s') && !is_hard(&token.text);
        unit || plural
            || is_unit_word(&token.text)
            || token.is("%")
            || token.is("<")
            || token.is(">")
            || token.is("=")
            || token.is("/")
    });
    if is_address(text) {
        return Some(text.to_owned());
    }
    (noun && !valued && text.len() <= 5).then(|| text.to_owned())
}

/// A name with a date in it is a name up to the date: "backup-web.2026-11-17_01.14".
fn undated(text: &str) -> &str {
    let bytes = text.as_bytes();
    let pattern = |at: usize| {
        bytes.get(at..at + 10).is_some_and(|date| {
            date.iter().enumerate().all(|(n, byte)| match n {
                4 | 7 => matches!(byte, b'-' | b'.' | b'_' | b'/'),
                _ => byte.is_ascii_digit(),
            }) && matches!(date[0], b'1' | b'2')
        })
    };
    match (1..bytes.len()).find(|at| pattern(*at) && text.is_char_boundary(*at)) {
        Some(at) => text[..at].trim_end_matches(['-', '_', '.', '/', ':']),
        None => text,
    }
}

/// `[P1]` is a severity, not a name.
pub(super) fn is_rank(token: &Token) -> bool {
    let rank = |start: &str| {
        let digit = token.text.strip_prefix(start).filter(|digit| digit.len() == 1);
        digit.is_some_and(|digit| digit.chars().all(|c| c.is_ascii_digit()))
    };
    rank("sev") || rank("prio") || rank("p") && token.place != Place::Open
}

/// What follows "job id" or "orderid" is an id.
fn labelled_id(tokens: &[Token], at: usize) -> bool {
    let words = tokens[..at].iter().rev().take(3).find(|token| !token.is(":") && !token.is("=") && !token.is("#"));
    words.is_some_and(|token| {
        let label = token.text.as_str();
        !token.mark
            && label.ends_with("id")
            && label.len() <= 9
            && !["raid", "grid", "valid", "invalid", "android", "fluid", "humid", "solid"].contains(&label)
    })
}

/// A unit written out, or something else that is counted.
pub(super) fn is_unit_word(text: &str) -> bool {
    [
        "second", "minute", "hour", "day", "week", "month", "byte", "percent", "degree", "time", "sekunde", "stunde",
        "tag", "jour", "heure", "hora", "segundo", "minuto", "dia", "min", "sec", "pct", "attempt", "volt", "amp",
        "watt",
    ]
    .iter()
    .any(|unit| text.starts_with(unit))
}

/// 95%, 12ms, 2h15m, 10.2bar, +3, 45°c.
fn is_quantity(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-', '~', '<', '>', '$']);
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    while !rest.is_empty() {
        let unit =
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',' || c == '/' || c == ':');
        if unit.len() == rest.len() {
            return false;
        }
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let word = unit[..end].trim_end_matches(['/', '-', '.', ',']);
        if !word.is_empty()
            && !UNITS.split_whitespace().any(|unit| unit == word && word != "st")
            && !word.starts_with("%")
        {
            return false;
        }
        rest = &unit[end..];
    }
    true
}

/// A date, a time of day, or both in one word.
pub(super) fn is_time(whole: &str) -> bool {
    let text = whole;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let others: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let text = MONTHS
        .split(' ')
        .find_map(|month| text.find(month).map(|at| [&text[..at], "1", &text[at + month.len()..]].concat()));
    if let Some(numeric) =
        text.filter(|text| text.chars().any(|c| c.is_ascii_digit()) && !text.chars().any(char::is_alphabetic))
    {
        return numeric.len() > 3 && is_time(&numeric);
    }
    let date = digits >= 3
        && !others.is_empty()
        && others.chars().all(|c| matches!(c, ':' | '-' | '/' | '.' | ',' | 't' | 'z' | '+'));
    date && !is_address(whole)
        && (others.contains(':') || others.chars().filter(|c| matches!(c, '-' | '/' | '.')).count() >= 2)
}

/// A number that identifies one event: a UUID, a long hexadecimal or decimal number, a ticket.
fn is_id(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| *c != '-').collect();
    let hex = bare.chars().all(|c| c.is_ascii_hexdigit()) && bare.chars().any(|c| c.is_ascii_digit());
    let uuid = hex && bare.len() == 32;
    let letters = text.chars().any(|c| c.is_ascii_alphabetic());
    let long = hex && !text.contains('-') && (text.len() >= 8 || text.len() == 7 && letters);
    let prefix: String = text.chars().take_while(|c| c.is_alphabetic()).collect();
    let ticket = [
        "inc", "ticket", "case", "tkt", "req", "chg", "prb", "alert", "event", "evt", "alarm", "id", "incident", "msg",
        "pid", "no",
    ]
    .contains(&prefix.as_str())
        && text[prefix.len()..].chars().all(|c| c.is_ascii_digit() || c == '-' || c == ':' || c == '#')
        && text.len() > prefix.len();
    uuid || long || ticket
}

/// A URL names a site by host and path; queries and numbers in it change.
pub(super) fn url(text: &str) -> Option<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let rest = rest.split_once(':').map_or(rest, |(host, port)| {
        if port.starts_with(|c: char| c.is_ascii_digit()) && !port.contains('/') { host } else { rest }
    });
    let parts: Vec<&str> =
        rest.split('/').filter(|part| !part.is_empty() && !is_id(part) && part.parse::<u64>().is_err()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A name by its form.
pub(super) fn is_hard(text: &str) -> bool {
    let letters = text.chars().any(char::is_alphabetic);
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let inner = text.contains(['_', '.', '@', '/', '\\', ':']) || text.matches('-').count() >= 2;
    letters && (digits || inner) || is_address(text)
}
