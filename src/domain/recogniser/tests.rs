//! One table per principle; the mails of `tests/mails` are the larger test.

use super::{Reading, recognise};
use crate::domain::alert::{Action, Severity};
use crate::domain::mail::Mail;

fn read(subject: &str, body: &str) -> Reading {
    try_read(subject, body).expect("it knows a state or names something")
}

fn try_read(subject: &str, body: &str) -> Option<Reading> {
    let raw =
        format!("From: mon@example.net\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}");
    recognise(&Mail::parse(raw.as_bytes()))
}

#[test]
fn the_state_is_read_in_many_languages() {
    use Action::{Acknowledge, Heartbeat, Ignore, Resolve, Trigger};
    for (subjects, expected) in [
        ("[CRITICAL] db-01: disk full", Trigger),
        ("RESOLVED: db-01 is down", Resolve),
        ("Problem: service is not running on web-1", Trigger),
        ("web-1 changed from DOWN to UP", Resolve),
        ("web-1: OK -> CRITICAL", Trigger),
        ("Sensor 7 ended (now: Up) | web-1 no longer failing | ship_orders StageSuccess", Resolve),
        ("Backup of db-01 completed with errors", Trigger),
        ("Backup of db-01 completed: 0 errors", Resolve),
        ("No backup of db-01 has succeeded | Failed to recover volume 12 | 3 of 5 nodes are online", Trigger),
        ("Job finished with exit code 1", Trigger),
        ("Incident #4412 closed - Payment timeout", Resolve),
        ("UPS 2 on battery", Trigger),
        ("UPS 2 on line power", Resolve),
        ("web-1 is up with 3 services down | Available memory is low on web-1", Trigger),
        ("Alarm acknowledged by Ann: pump-3", Acknowledge),
        ("CRITICAL: pump-3 not acknowledged", Trigger),
        ("Heartbeat from site-4", Heartbeat),
        ("No heartbeat from site-4", Trigger),
        ("Heartbeat: site-4 is running | Pump controller alive", Heartbeat),
        ("web-1 is alive again", Resolve),
        ("cam-4 is back online, cam-9 is down | [CUSTOM] web-1 is UP | FLAPPINGSTART: web-1 is OK", Trigger),
        ("[DOWNTIMEREMOVED] web-1 | Maintenance of db-01 begins (service is OK)", Ignore),
        ("Scheduled maintenance of db-01 | Automatic reply: disk full", Ignore),
        ("STÖRUNG: Server srv-7 nicht erreichbar", Trigger),
        ("Entwarnung: Server srv-7 wieder erreichbar", Resolve),
        ("ALERTE : srv-7 ne répond plus", Trigger),
        ("srv-7 est revenu à la normale", Resolve),
        ("Caída del servidor srv-7", Trigger),
        ("Servidor srv-7 recuperado", Resolve),
        ("Falha no servidor srv-7", Trigger),
        ("Serviço restabelecido em srv-7", Resolve),
        ("srv-7 non raggiungibile | Сервер srv-7 недоступен", Trigger),
        ("Сервер srv-7: работа восстановлена", Resolve),
        ("【障害】srv-7 応答なし", Trigger),
        ("【復旧】srv-7 が正常に戻りました", Resolve),
        ("バックアップが正常に完了しませんでした | srv-7 CPU使用率异常", Trigger),
        ("srv-7 告警恢復", Resolve),
        ("【告警】备份恢复任务失败 | srv-7 尚未恢复 | [장애] srv-7 응답 없음", Trigger),
        ("[복구] srv-7 정상", Resolve),
    ] {
        for subject in subjects.split(" | ") {
            let reading = read(subject, "");
            assert_eq!(reading.action, expected, "{subject:?}: {}", reading.reason);
        }
    }
}

#[test]
fn a_problem_and_its_end_have_one_key() {
    for (problem, end) in [
        ("[CRITICAL] queue-1: depth 9120 > 5000", "[OK] queue-1: depth 12 > 5000"),
        ("Failed to sync application shop-eu", "Application shop-eu has been successfully synced"),
        ("Does not exist pid_file", "Exists pid_file"),
        ("DOWN alert: Shop (api.example.org) is DOWN", "UP alert: Shop (api.example.org) is UP"),
        ("[web] [🔴 Down] timeout of 4800ms", "[web] [✅ Up] 200 - OK"),
        ("CRITIQUE : l'hôte srv-é-1 ne répond plus depuis 5 minutes", "OK : l'hôte srv-é-1 répond à nouveau"),
        ("Temperaturwarnung Raum7: 29,4 °C", "Raum7: Temperatur wieder im Normalbereich"),
        ("db-01 のディスク使用率が95%を超えました", "db-01 のディスク使用率が正常に戻りました"),
        ("应用-shop-1个实例发生报警, CPU", "应用-shop-1个实例恢复正常, CPU"),
        ("Ticket #4711: link eth0 down at 2026-11-21 03:04", "Ticket #4713: link eth0 up at 2026-11-21 03:09"),
        ("cpu-1 limit matched", "cpu-1 limit succeeded"),
        ("Backup OK of web4 job 2210", "Backup failed of web4 job 2211"),
    ] {
        assert_eq!(read(problem, "").dedup_key, read(end, "").dedup_key, "{problem:?}");
    }
}

#[test]
fn different_things_have_different_keys() {
    for (one, other) in [
        ("Outlet 7 overloaded", "Outlet 8 overloaded"),
        ("db-01: disk C: full", "db-01: disk D: full"),
        ("DOWN: Shop (login) (api.example.org) is down", "DOWN: Shop (api.example.org) is down"),
        ("srv-7 CPU使用率异常", "srv-7 内存使用率异常"),
    ] {
        assert_ne!(read(one, "").dedup_key, read(other, "").dedup_key, "{one:?}");
    }
}

#[test]
fn labels_speak_where_the_subject_does_not() {
    let down = read("Alarm notification", "Device\tchiller-2\nPoint\tSupply temperature\nState\tHIGH ALARM\n");
    let up = read("Alarm notification", "Device\tchiller-2\nPoint\tSupply temperature\nState\tRETURN TO NORMAL\n");
    assert_eq!((down.action, up.action), (Action::Trigger, Action::Resolve));
    assert_eq!(down.dedup_key, "auto/chiller-2/supply temperature");
    assert_eq!(down.dedup_key, up.dedup_key);
    let doubt = read("Backup finished", "Host: db-01\nStatus: failed\n");
    assert_eq!(doubt.action, Action::Trigger, "{}", doubt.reason);
    let kind = read("web-1 is UP", "Notification Type: REMARK\nHost: web-1\n");
    let torn = read("Changes", "UP cam-4 stream is back\nDOWN cam-9 no stream\n");
    assert_eq!((kind.action, torn.action), (Action::Trigger, Action::Trigger));
    let old = read("Alert", "Host: db-01\nPrevious state: CRITICAL\nState: OK\n");
    assert_eq!(old.action, Action::Resolve, "{}", old.reason);
    assert_eq!(read("監視通知", "ホスト名：db-01\n状態：異常\n").dedup_key, "auto/db-01");
}

#[test]
fn severity_and_reason_are_given() {
    assert_eq!(read("[P1] [Triggered] checkout-3 slow", "").severity, Severity::Critical);
    assert_eq!(read("WARNING: db-01 lag", "").severity, Severity::Warning);
    assert_eq!(read("db-01 failed", "").severity, Severity::Error);
    assert_eq!(read("Alert for db-01", "Severity: critical\n").severity, Severity::Critical);
    assert_eq!(read("RECOVERY: db-01", "").severity, Severity::Info);
    let reading = read("RECOVERY: db-01 disk /var", "");
    assert_eq!(reading.reason, "\"recovery\" in the subject says that it is well; keyed on /var, db-01, disk");
}

#[test]
fn only_the_beginning_of_a_subject_is_weighed() {
    let reading = read(&format!("web-1 is {} DOWN", "very ".repeat(400)), "");
    assert_eq!(reading.dedup_key, "auto/web-1");
    assert!(reading.reason.starts_with("no state word is known"), "{}", reading.reason);
}

#[test]
fn any_text_is_read_in_bounds() {
    for piece in ["(", "[", "\"", "a=", "x: ", "不", "not ", "0", "-", "\t", "é", "→", "1a", "://", "'", "a_", "*0*="]
    {
        let reading = try_read(&piece.repeat(4000 / piece.len()), &piece.repeat(250_000 / piece.len()));
        assert!(reading.is_none_or(|reading| reading.dedup_key.starts_with("auto/")), "{piece:?}");
    }
}
