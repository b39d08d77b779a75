//! The words that alert mails are built from, whatever product sends them: states, severities, and the small words
//! around the names of things.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::domain::alert::Severity;

type List = LazyLock<BTreeSet<&'static str>>;

fn list(words: &'static str) -> BTreeSet<&'static str> {
    words.split(", ").collect()
}

/// Words that say how a thing is, or what kind of news the mail brings; lower case.
static STATES: List = LazyLock::new(|| {
    list(
        "abnormal, ack, acknowledged, acknowledgement, activated, active, alarm, alert, available, bad, broken, canceled, \
     cancelled, clear, cleared, closed, completed, connected, crit, critical, critique, danger, dead, degraded, \
     disabled, disaster, disconnected, down, downtimeend, downtimestart, emergency, enabled, ended, err, error, \
     exhausted, exists, fail, failed, failing, failure, fatal, fault, faulted, fired, firing, fixed, flappingstart, \
     flappingstop, good, green, healthy, high, info, information, informational, lost, low, major, minor, missing, \
     new, normal, notice, offline, ok, okay, online, open, opened, outage, passed, passing, problem, recover, \
     recovered, recovery, red, rearmed, reset, repaired, resolved, restored, returned, solved, started, stopped, \
     success, successful, successfully, succeeded, trigger, triggered, trouble, unavailable, unhealthy, unknown, \
     unreachable, up, warn, warning, warnings, yellow, orange, purple, overload, inserted, removed, raised, synced, \
     running, kritisch, warnung, störung, fehler, fehlgeschlagen, erfolgreich, behoben, wiederhergestellt, \
     ausgefallen, beeinträchtigt, abgeschlossen, alerte, erreur, panne, rétabli, résolu, avertissement, échec, \
     crítico, alerta, caído, recuperado, resuelto, falla, fallo, errore, ripristinato, critico, avaria, normalizado, \
     storing, hersteld",
    )
});

/// State words of scripts without blanks between words.
static STATES_UNSPACED: List = LazyLock::new(|| {
    list(
        "障害, 復旧, 復帰, 成功, 失败, 失敗, 异常, 触发, 発生, 回復, 警告, 異常, 正常, 報警, 报警, 恢复, 故障, 告警, 严重, 解除, 超え, 戻り, 장애, 복구, 경고",
    )
});

/// Words of a message's frame: they stand around names and are not names.
static LAYOUT: List = LazyLock::new(|| {
    list(
        "a, about, after, again, alarms, alerts, alertmail, alerting, an, and, are, at, auf, au, aus, automatic, back, \
     be, because, been, being, by, came, change, changed, check, condition, container, das, de, del, der, detected, \
     device, die, do, does, du, e-mail, ein, eine, el, email, en, event, failover, for, found, from, für, gone, got, \
     group, ha, has, hat, have, health, host, hostname, hôte, im, in, incident, instance, into, is, ist, its, job, l, \
     la, le, les, level, mail, message, monitor, monitoring, monitors, near, no, node, not, notification, \
     notifications, now, of, on, or, our, over, plan, policy, priority, query, reached, received, report, result, \
     rule, sensor, server, service, services, severity, siehe, site, state, status, still, subject, sur, system, \
     task, test, than, that, the, threshold, to, transitioned, type, uhr, um, und, unit, update, updated, vom, von, \
     was, website, went, were, when, will, wird, with, wurde, you, your, zu, zum, application, resolution, needs, \
     attention, volume, pool, trap",
    )
});

/// Whether the word says how a thing is.
pub(super) fn is_state(word: &str) -> bool {
    let folded = word.to_lowercase();
    STATES.contains(folded.as_str()) || is_priority(&folded)
}

/// Whether the text holds a word that says how a thing is.
pub(super) fn holds_state(text: &str) -> bool {
    let spaced = text.split(|c: char| !c.is_alphanumeric()).any(is_state);
    spaced || STATES_UNSPACED.iter().any(|state| text.contains(state))
}

/// Whether the word belongs to a message's frame.
pub(super) fn is_layout(word: &str) -> bool {
    LAYOUT.contains(word.to_lowercase().as_str())
}

/// `P1` to `P5`, `Sev0` to `Sev5`.
fn is_priority(folded: &str) -> bool {
    let digit = ["sev", "p"].iter().find_map(|prefix| folded.strip_prefix(prefix));
    digit.is_some_and(|digit| digit.len() == 1 && ("0"..="5").contains(&digit))
}

/// How bad a mail's own word says it is. A word that only says that something is wrong says nothing of this.
pub(super) fn severity(word: &str) -> Option<Severity> {
    Some(match word.trim().to_lowercase().as_str() {
        "critical" | "crit" | "disaster" | "emergency" | "fatal" | "critique" | "kritisch" | "crítico" | "critico"
        | "red" | "down" | "unreachable" | "p1" | "sev0" | "sev1" | "严重" | "emerg" => Severity::Critical,
        "error" | "err" | "major" | "high" | "average" | "p2" | "sev2" | "fehler" | "erreur" | "unknown"
        | "trouble" => Severity::Error,
        "warning" | "warn" | "minor" | "medium" | "caution" | "warnung" | "avertissement" | "yellow" | "p3"
        | "sev3" | "degraded" | "警告" => Severity::Warning,
        "info" | "information" | "informational" | "notice" | "ok" | "normal" | "clear" | "cleared" | "up" | "low"
        | "good" | "green" | "p4" | "p5" | "sev4" | "success" | "recovered" | "resolved" => Severity::Info,
        _ => return None,
    })
}

/// Whether the word only says that something is of little weight: "Informational" is no recovery.
pub(super) fn is_mere_grade(word: &str) -> bool {
    ["info", "information", "informational", "notice", "low"].contains(&word.trim().to_lowercase().as_str())
}

/// What a field of a mail's body tells, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Where: host, device, node, site.
    Place,
    /// What there: service, check, sensor, disk.
    Object,
    /// How it is.
    State,
    /// How bad it is.
    Severity,
    /// When, how long, how often, by which mail: never part of a key.
    Moment,
    Other,
}

static PLACES: List = LazyLock::new(|| {
    list(
        "affected device, asset, 主机, 服务器, 实例, 实例名称, 设备, 告警对象, 监控对象, 机器, ホスト, ホスト名, ノード, サーバー, サーバ, 対象, 対象ホスト, ファシリティid, \
     ファシリティ, スコープ, 서버, 호스트, equipo, servidor, serveur, hôte affecté, maszyna, serwer, client, cluster, computer, \
     computer name, device, device name, endpoint, entity, gateway, host, host name, hostalias, hostname, hôte, \
     instance, machine, managed entity, nas name, node, path, router, rechner, gerät, server, servername, source, \
     switch, system name, target, unit name, ups name, devname, vm, affected host",
    )
});

static OBJECTS: List = LazyLock::new(|| {
    list(
        "entities, affected entities, resources, affected object, 告警策略, 报警规则, 告警规则, 规则名称, 规则, 告警名称, 监控项, 任务, 任务名称, 服务, \
     磁盘, 指标, トリガー, 监控指标, 触发器, サービス, 監視項目, 監視項目id, ジョブ, 対象サービス, アラーム名, 서비스, servicio, servizio, usługa, aufgabe, \
     tâche, tarea, alarm, alarm name, alert, alert name, alertname, application, app, check, check name, component, \
     container, database, dienst, disk, filesystem, interface, item, job, job name, metric, monitor, monitor name, \
     object, plan, policy, pool, port, process, queue, resource, rule, rule name, sensor, sensor name, service, \
     service name, tunnel, vpntunnel, volume, mount, drive, trigger, problem name, policy name",
    )
});

/// What the key of a field says about it.
pub(super) fn topic(key: &str) -> Topic {
    let key = key.to_lowercase().replace(['_', '-'], " ");
    let key = key.trim();
    if PLACES.contains(key) {
        return Topic::Place;
    }
    if OBJECTS.contains(key) {
        return Topic::Object;
    }
    let has = |words: &[&str]| key.split_whitespace().any(|word| words.contains(&word));
    if has(&["date", "time", "when", "duration", "since", "at", "timestamp", "started", "uptime", "zeit", "datum"])
        || has(&["uhrzeit", "age", "id", "count", "value", "wert", "valeur", "message-id", "subject", "sent", "fecha"])
    {
        return Topic::Moment;
    }
    if has(&["severity", "priority", "level", "schweregrad", "gravité", "severidad", "criticality"]) {
        return Topic::Severity;
    }
    if has(&[
        "状态",
        "当前状态",
        "告警状态",
        "状態",
        "重要度",
        "상태",
        "state",
        "status",
        "zustand",
        "état",
        "etat",
        "estado",
        "condition",
        "notification",
        "action",
    ]) {
        return Topic::State;
    }
    Topic::Other
}

/// A name for a capture: ASCII lower case with underscores; none when nothing is left.
pub(super) fn capture_name(label: &str) -> Option<String> {
    let folded: String =
        label.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let words: Vec<&str> = folded.split('_').filter(|word| !word.is_empty()).collect();
    let name = words.join("_");
    let plain = !name.is_empty() && name.len() <= 24 && name.starts_with(|c: char| c.is_ascii_lowercase());
    let ascii = label.chars().all(|c| c.is_ascii() || !c.is_alphanumeric());
    (plain && ascii).then(|| if reserved(&name) { format!("mail_{name}") } else { name })
}

/// Names that the rule language has built in.
fn reserved(name: &str) -> bool {
    ["subject", "subject_raw", "from", "recipient", "suffix", "sender", "client"].contains(&name)
}
