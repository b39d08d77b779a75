//! The labelled values of a mail: `Host: db1`, table rows, and the headers monitors add.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{fold, unify};
use crate::domain::mail::Mail;

/// What a label says its value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    /// The machine or the place.
    Host,
    /// The thing on it that is watched.
    Object,
    /// What happened, in words that may carry the state.
    Event,
    /// How things are.
    State,
    /// How bad it is.
    Severity,
    /// A network address, for want of a name.
    Address,
    /// A sentence about it.
    Text,
}

/// One labelled value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// What it is.
    pub role: Role,
    /// The label, folded.
    pub label: String,
    /// The value, unified but not folded.
    pub value: String,
}

/// Lines that are looked at, and characters of a value.
const LINES_MAX: usize = 200;
const VALUE_CHARS_MAX: usize = 160;

/// Labels, by role. Singular nouns of each language; the compound "… name" needs no entry of its own.
const LABELS: &[(Role, &str)] = &[
    (
        Role::Host,
        "host, hostname, server, device, devname, node, instance, machine, computer, system, unit, equipment, \
         appliance, asset, entity, target, monitored host, affected host, site, website, agent, station, client, \
         source host, host/ip, gerät, rechner, anlage, maschine, hôte, serveur, équipement, appareil, equipo, \
         servidor, dispositivo, máquina, equipamento, nodo, nó, macchina, apparato, apparaat, toestel, ホスト, サーバ, サーバー, \
         機器, 対象, 対象ホスト, 対象機器, 対象サーバ, 装置, ノード, 対象ノード, インスタンス, 主机, 服务器, 设备, 实例, 节点, 对象, 监控对象, 告警对象, 报警对象, 告警设备, 告警主机, \
         主機, 設備, 伺服器, 節點, 執行個體, 호스트, 서버, 장비, 장치, 노드, 대상, хост, сервер, узел, устройство, оборудование, вузол",
    ),
    (
        Role::Object,
        "service, check, monitor, object, resource, sensor, component, point, rule, alert rule, metric, item, job, \
         task, backup job, policy, plan, volume, disk, drive, interface, port, slot, channel, outlet, database, queue, \
         application, app, probe, subsystem, alarm name, alert name, alertname, monitor name, zone, pool, cluster, \
         service/check, process group, physical disk, virtual disk, logical drive, tag, tag name, alarm source, check \
         command, sla, cell, dienst, prüfung, sensorname, auftrag, aufgabe, messpunkt, messstelle, kanal, laufwerk, \
         komponente, datenpunkt, sonde, capteur, travail, tâche, composant, contrôle, servicio, chequeo, objeto, \
         sensor, tarea, trabajo, componente, serviço, verificação, tarefa, servizio, controllo, oggetto, processo, \
         sensore, controle, サービス, サービス名, 監視項目, 監視項目名, 監視名, 監視対象, 項目, チェック, センサー, ジョブ, ジョブ名, アラーム名, アラート名, メトリック, \
         メトリクス, リソース, 服务, 服務, 检查项, 检查, 监控项, 监控项目, 監控項目, 指标, 指標, 触发规则, 告警名称, 告警名稱, 报警名称, 规则, 规则名称, 告警规则, 任务, 任務, 任务名称, \
         告警项, 告警项目, 资源, 資源, 传感器, 端口, 接口, 服务名称, 서비스, 점검, 항목, 감시 항목, 작업, 지표, 규칙, 경보명, 알람명, служба, сервис, услуга, \
         проверка, датчик, задание, задача, метрика, служба, объект",
    ),
    (
        Role::Event,
        "trigger, problem, alert, alarm, event, issue, condition, fault, incident, error, alarm text, alarm \
         description, alarm message, meldung, ereignis, störung, alarmtext, événement, alarme, alerte, problème, \
         evento, alarma, alerta, problema, allarme, 事象, イベント, アラーム, アラート, 障害内容, 告警, 事件, 报警, 告警内容, 이벤트, 알람, 경보, \
         событие, проблема, тревога",
    ),
    (
        Role::State,
        "status, state, new state, new status, current state, current status, alarm state, alarm status, alert state, \
         alert status, notification type, event type, result, outcome, overall status, job status, health, health \
         status, state change, status change, monitor status, service state, host state, problem status, incident \
         status, alarm type, transition, zustand, ergebnis, neuer status, neuer zustand, aktueller status, état, \
         statut, résultat, nouvel état, estado, nuevo estado, novo estado, estado actual, estado atual, resultado, \
         situação, stato, esito, nuovo stato, toestand, resultaat, nieuwe status, 状態, ステータス, 結果, 現在の状態, 状况, 状态, 狀態, \
         当前状态, 目前狀態, 告警状态, 报警状态, 警报状态, 结果, 执行结果, 通知类型, 通知種別, 種別, 상태, 현재 상태, 결과, статус, состояние, результат, новый \
         статус, стан",
    ),
    (
        Role::Severity,
        "severity, priority, level, urgency, alarm level, alert level, criticality, importance, alarm severity, alert \
         severity, schweregrad, priorität, stufe, dringlichkeit, gravité, sévérité, priorité, criticité, severidad, \
         gravedad, prioridad, criticidad, severidade, gravidade, prioridade, criticidade, gravità, severità, ernst, \
         prioriteit, 重要度, 深刻度, レベル, 優先度, 緊急度, 级别, 告警级别, 报警级别, 告警等级, 級別, 告警級別, 等级, 严重性, 严重级别, 严重程度, 嚴重性, 심각도, 등급, 중요도, \
         важность, уровень, приоритет, критичность",
    ),
    (
        Role::Text,
        "message, description, details, text, subject, summary, alert message, event message, event description, \
         nachricht, beschreibung, mensaje, mensagem, descripcion, descrição, messaggio, descrizione, メッセージ, 内容, 本文, \
         詳細, 説明, 消息, 描述, 详情, 详细信息, 訊息, 內容, 내용, 메시지, 설명, сообщение, описание",
    ),
    (
        Role::Address,
        "url, ip, ip address, address, host address, ip-adresse, adresse, adresse ip, dirección ip, endereço ip, \
         ipアドレス, ip地址, アドレス, 地址, ip 주소, ip-адрес, адрес",
    ),
];

static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let mut roles = HashMap::new();
    for (role, labels) in LABELS {
        for label in labels.split(',').map(|label| fold(label.trim())) {
            roles.entry(label).or_insert(*role);
        }
    }
    roles
});

/// Words that make a label speak of something else: the old state, a state in general.
const NOT_THIS: [&str; 12] = [
    "previous",
    "old",
    "last",
    "former",
    "prior",
    "vorherig",
    "alter",
    "precedent",
    "ancien",
    "anterior",
    "前回",
    "之前",
];

/// Header name parts of mail software, whose states are about the mail.
const MAIL_HEADERS: [&str; 16] = [
    "spam",
    "virus",
    "originating",
    "mailer",
    "scan",
    "priority",
    "received",
    "forefront",
    "exchange",
    "google",
    "amavis",
    "sender",
    "mime",
    "auto",
    "loop",
    "auth",
];

/// All labelled values of a mail, in order, headers last.
pub(super) fn read(mail: &Mail) -> Vec<Field> {
    let body = unify(mail.body());
    let lines: Vec<&str> = body.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES_MAX).collect();
    let mut fields: Vec<Field> = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        for field in line_fields(line, lines.get(n + 1).copied()) {
            push(&mut fields, field);
        }
    }
    for (name, value) in mail.headers().filter(|(name, _)| is_monitor_header(name)) {
        // "X-Thing-Alert-Name" ends in a label of one or two words.
        let parts: Vec<&str> = name.split('-').skip(1).collect();
        let found = [2, 1]
            .iter()
            .find_map(|count| field(&parts[parts.len().saturating_sub(*count)..].join(" "), &unify(value)));
        if let Some(field) = found {
            push(&mut fields, field);
        }
    }
    fields
}

/// The same label again is another part of the mail (a history, a second alert): the first one counts.
fn push(fields: &mut Vec<Field>, field: Field) {
    let known = fields.iter().any(|known| known.label == field.label);
    if !known {
        fields.push(field);
    }
}

fn is_monitor_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-") && !MAIL_HEADERS.iter().any(|part| name.contains(part)) && !name.starts_with("x-ms-")
}

/// One line may be a row of cells: pairs side by side, or a label and its value.
fn line_fields(line: &str, next: Option<&str>) -> Vec<Field> {
    let listed = pairs(line);
    if !listed.is_empty() {
        return listed.into_iter().filter_map(|(label, value)| field(label, value)).collect();
    }
    let line = line.trim_start_matches(['-', '*', '>', ',', '{', '#', ' ']);
    let cells: Vec<&str> = line.split('\t').map(str::trim).filter(|cell| !cell.is_empty()).collect();
    if cells.len() >= 2 && cells.len().is_multiple_of(2) && !cells[0].contains(": ") {
        return cells.chunks(2).filter_map(|pair| field(pair[0], pair[1])).collect();
    }
    let mut found = Vec::new();
    for cell in cells {
        let at = cell.char_indices().find(|(at, c)| match c {
            // "Disk C: 95%" and "http://" are no labels.
            ':' => !cell[at + 1..].starts_with("//"),
            '=' => true,
            _ => false,
        });
        let Some((at, _)) = at else { continue };
        let (label, value) = (&cell[..at], cell[at + 1..].trim());
        // "rule=lag topic=orders": the value ends before the next label.
        let next_pair = value.split_once('=').filter(|_| cell[at..].starts_with('='));
        let value = next_pair.and_then(|(first, _)| first.rsplit_once(' ')).map_or(value, |(first, _)| first.trim());
        let value =
            if value.is_empty() { next.filter(|next| !next.contains([':', '\t'])).unwrap_or_default() } else { value };
        found.extend(field(label, value));
    }
    found
}

fn field(label: &str, value: &str) -> Option<Field> {
    let folded = fold(label);
    let trimmed = folded.trim_matches(|c: char| "\"*'[]._:".contains(c) || c.is_whitespace());
    let mut label: String = trimmed.replace(['_', '-'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    if label.chars().count() > 40 || NOT_THIS.iter().any(|word| label.starts_with(word)) {
        return None;
    }
    let role = role(&label).or_else(|| {
        label = trimmed.split('(').next().unwrap_or(trimmed).trim().to_owned();
        role(&label)
    })?;
    let value =
        value.trim_matches(|c: char| c == '"' || c == '\'' || c == ',' || c == ';' || c == '*' || c.is_whitespace());
    let value: String = value.trim_end_matches(['"', '.']).chars().take(VALUE_CHARS_MAX).collect();
    let empty = value.is_empty()
        || matches!(
            fold(&value).as_str(),
            "-" | "n/a" | "none" | "null" | "unknown" | "unbekannt" | "value" | "values" | "not specified"
        );
    (!empty || role == Role::State && !value.is_empty()).then_some(Field { role, label, value })
}

fn role(label: &str) -> Option<Role> {
    let known = |label: &str| ROLES.get(label).copied();
    let label = label.strip_prefix("affected ").or_else(|| label.strip_prefix("managed ")).unwrap_or(label);
    let singular = match (label.strip_suffix("ies"), label.strip_suffix('s')) {
        (Some(root), _) => Some(format!("{root}y")),
        (None, Some(root)) => Some(root.to_owned()),
        (None, None) => None,
    };
    known(label).or_else(|| singular.as_deref().and_then(known)).or_else(|| {
        // "Backup job", "Test result": the last word says what it is, the first says of what.
        let last = label.rsplit(' ').next().filter(|last| last.len() < label.len());
        let compound =
            ["job", "task", "result", "ergebnis", "resultat", "resultado", "sensor", "check", "aufgabe", "auftrag"];
        if let Some(last) = last.filter(|last| compound.contains(last)) {
            return known(last);
        }
        // "Host name", "Nom de l'hôte": the noun without the word "name".
        let bare =
            ["name", "names", "名", "名称", "名稱", "이름", "명"].iter().find_map(|name| label.strip_suffix(name));
        let bare = bare.or_else(|| {
            ["nom du ", "nom de l'", "nombre del ", "nombre de ", "nome do ", "nome da ", "name des ", "имя "]
                .iter()
                .find_map(|name| label.strip_prefix(name))
        });
        bare.and_then(|bare| known(bare.trim()))
    })
}

/// Whether a word in a sentence announces a name: "for host db1".
pub(super) fn announces(word: &str) -> bool {
    matches!(ROLES.get(word), Some(Role::Host | Role::Object))
}

/// Pairs on one line, as logs and JSON write them: `host=db1 level="error"`, `"host": "db1"`.
static PAIRS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#""([A-Za-z_ -]{2,30})"\s*:\s*"([^"]{1,200})"|\b([A-Za-z_]{2,30})=(?:"([^"]{1,200})"|([^\s",;]{1,200}))"#,
    )
    .ok()
});

/// Pairs from which on a line is a list of them and no sentence.
const PAIRS_MIN: usize = 3;

/// The pairs of a line that is a list of them.
fn pairs(line: &str) -> Vec<(&str, &str)> {
    let Some(pattern) =
        PAIRS.as_ref().filter(|_| line.matches('=').count() >= PAIRS_MIN || line.matches("\":").count() >= PAIRS_MIN)
    else {
        return Vec::new();
    };
    let found: Vec<(&str, &str)> = pattern
        .captures_iter(line)
        .take(60)
        .filter_map(|pair| {
            let label = pair.get(1).or_else(|| pair.get(3))?;
            let value = pair.get(2).or_else(|| pair.get(4)).or_else(|| pair.get(5))?;
            Some((label.as_str(), value.as_str()))
        })
        .collect();
    if found.len() < PAIRS_MIN { Vec::new() } else { found }
}

/// Whether a line is a list of pairs, which names too much to be read as a sentence.
pub(super) fn is_list(line: &str) -> bool {
    !pairs(line).is_empty()
}
