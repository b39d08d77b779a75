//! Mail that nobody is to be called for: delivery reports and automatic replies, whatever they quote; reports over
//! weeks, tests of the notification, planned work.

use super::state::Stand;
use super::text::{Place, Token, fold};
use super::words::Class;
use crate::domain::mail::Mail;

/// Why a mail is no alert by its form, if it is none.
pub(super) fn not_an_alert(mail: &Mail) -> Option<String> {
    let content_type = mail.header("Content-Type").map(fold).next().unwrap_or_default();
    if content_type.contains("multipart/report") {
        for (kind, why) in [
            ("delivery-status", "it is a delivery status notification (RFC 3464)"),
            ("disposition-notification", "it is a message disposition notification (RFC 8098)"),
            ("feedback-report", "it is a feedback report of a mail provider (RFC 5965)"),
        ] {
            if content_type.contains(kind) {
                return Some(why.to_owned());
            }
        }
    }
    let answers = mail.header("In-Reply-To").chain(mail.header("References")).next().is_some();
    let submitted = mail.header("Auto-Submitted").any(|value| fold(value).starts_with("auto-replied"));
    let marked = ["X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-Autoresponder"]
        .iter()
        .any(|name| mail.header(name).next().is_some())
        || mail.header("Precedence").any(|value| fold(value).replace('_', "-") == "auto-reply");
    let subject = fold(&mail.subject_raw);
    // In the languages of the lexicon; the first words of what mail programs write on absence.
    let away = [
        "out of office",
        "automatic reply",
        "auto reply",
        "autoreply",
        "auto-reply",
        "auto:",
        "abwesenheitsnotiz",
        "automatische antwort",
        "abwesend:",
        "reponse automatique",
        "absence du bureau",
        "respuesta automatica",
        "fuera de la oficina",
        "resposta automatica",
        "ausencia",
        "risposta automatica",
        "automatisch antwoord",
        "автоответ",
        "自動応答",
        "自动回复",
        "自動回覆",
        "自動返信",
        "자동 회신",
        "부재중",
    ]
    .iter()
    .any(|words| subject.starts_with(words) || subject.starts_with(&format!("[{words}")));
    // A monitor that answers nobody and only carries a wrong header is still heard.
    if (submitted && (answers || away || marked)) || (marked && (answers || away)) || away {
        return Some("it is an automatic reply (RFC 3834)".to_owned());
    }
    None
}

/// Words of a language list that a subject has.
const PERIODS: &str = "weekly monthly wochentlich wochentlicher monatlich monatlicher hebdomadaire mensuel semanal \
    mensual mensal 週次 月次";
const REPORTS: &str = "report summary digest statistics bericht rapport informe relatorio resumen resumo レポート 報告";
const WORKS: &str =
    "maintenance wartung wartungsarbeiten mantenimiento manutencao manutenzione onderhoud メンテナンス 维护 維護";
const PLANS: &str = "scheduled planned upcoming geplant geplante programmee planifiee programado programada planejada \
    gepland 定期 计划 計画";
const BOUNDS: &str = "begins began begin starts started start ends ended beginnt startet endet beendet";
const MAILS: &str = "mail email e-mail message notification alert nachricht benachrichtigung correo mensaje mensagem \
    メール";

/// Words before "test mail" that leave it a test of the mail: "this is a test message", "SMTP test mail".
const BEFORE_TEST: &str = "a this is the smtp mail email e-mail alert alarm notification";

/// Why nobody is to be called for a mail that reports nothing bad, going by its subject.
pub(super) fn nobody_called(subject: &[Token], stand: &Stand) -> Option<&'static str> {
    if stand.bad.0 >= 3 {
        return None;
    }
    let words: Vec<&str> = subject.iter().filter(|token| !token.mark).map(|token| token.text.as_str()).collect();
    let is = |word: &str, list: &str| list.split(' ').any(|listed| listed == word);
    let has = |list: &str| words.iter().any(|word| is(word, list));
    if has(PERIODS) && has(REPORTS) {
        return Some("it is a periodic report");
    }
    if has(WORKS) && has(PLANS) {
        return Some("it announces planned work");
    }
    // "Maintenance begins (service is OK)" closes nothing, whatever is well by then.
    let over = stand.hits.iter().any(|hit| hit.class == Class::Over && hit.weight > 0);
    if has(WORKS) && !over && (stand.good.0 > 0 || has(BOUNDS)) {
        return Some("it tells of maintenance");
    }
    let test = words.windows(2).position(|pair| matches!(pair[0], "test" | "testing") && is(pair[1], MAILS))?;
    // A battery test is a test of something else.
    let before = test.checked_sub(1).and_then(|before| words.get(before));
    before.is_none_or(|word| is(word, BEFORE_TEST)).then_some("it is a test of the notification itself")
}

/// "Gate controller alive" reports every day that all is well; "is alive again" ends something.
pub(super) fn sign_of_life(subject: &[Token], stand: &Stand) -> Option<&'static str> {
    let mut words = subject.iter().rev().filter(|token| !token.mark);
    let last = words.next()?;
    let before = words.next()?;
    let ends = ["is", "are", "again", "back", "now", "host"].contains(&before.text.as_str());
    let lone = stand.bad.0 == 0 && stand.good.1 == "alive" && last.place == Place::Open && !last.caps;
    (last.text == "alive" && lone && !ends).then_some("\"alive\" in the subject is a sign of life")
}

/// "[CUSTOM] web-1 is UP" is a person's remark: it is heard, and the state that it mentions closes nothing.
pub(super) fn remark(subject: &[Token], stand: &Stand) -> Option<&'static str> {
    let first = subject.iter().find(|token| !token.mark)?;
    let over = stand.hits.iter().any(|hit| matches!(hit.class, Class::Over | Class::OverNoun) && hit.weight > 0);
    let kind = first.caps && matches!(first.text.as_str(), "custom" | "comment" | "note" | "remark");
    (kind && !over && stand.good.0 > stand.bad.0).then_some("it is a remark on a state and no recovery")
}
