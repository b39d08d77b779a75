//! The words the recogniser knows: what says how things stand, in the languages monitors write.
//!
//! General words of each language only. No product has a line here, and no mail of one monitor. A `*` at the
//! end of a word stands for any ending, since most of these languages inflect.

/// What a word says about the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// Something that was wrong is over: resolved, recovered.
    Over,
    /// The same as a noun, which may also name a thing: recovery.
    OverNoun,
    /// A good state: ok, running.
    Good,
    /// A word that is a good state only where a state is expected: up, green, on.
    GoodShy,
    /// A piece of work came to an end; how, it does not say.
    Done,
    /// A bad state or event: down, failed.
    Bad,
    /// A word that is a bad state only where a state is expected.
    BadShy,
    /// Bad, but bearable so far: high, degraded.
    Mild,
    /// A severity that monitors also use as a state: critical, major.
    Grave,
    /// The lower severities.
    Warning,
    /// Worth knowing only.
    Info,
    /// The mail is about something bad, unless it says otherwise: alarm, problem.
    Alarm,
    /// A person has taken it.
    Acknowledged,
    /// Planned work: no problem and no recovery.
    Quiet,
    /// A sign of life.
    Alive,
    /// Turns what follows into its opposite.
    Not,
    /// Turns what comes before it into its opposite, as verbs of some languages do.
    NotBefore,
    /// A code follows of which only zero is good.
    Code,
    /// What follows was tried and did not come about.
    Unable,
    /// What follows is hoped for or supposed, not so.
    Unreal,
    /// What follows is the state of before.
    Was,
    /// What follows is the state of now.
    Now,
    /// A time or a reason follows; neither names anything.
    Detail,
    /// A state word that another word took back; found by context only.
    Moot,
    /// The words look like a state but name a thing: error rate.
    Thing,
}

use Class::{
    Acknowledged, Alarm, Alive, Bad, BadShy, Code, Detail, Done, Good, GoodShy, Grave, Info, Mild, Moot, Not, Now,
    Over, OverNoun, Quiet, Thing, Unable, Unreal, Warning, Was,
};

/// Language, class, words.
pub(super) const STATES: &[(&str, Class, &str)] = &[
    (
        "English",
        Over,
        "resolved, recovered, cleared, restored, normalized, normalised, back to normal, returned to normal, return to \
         normal, return to ok, returned to ok, returned to service, back in service, back in range, back within, back \
         below, back above, back under, back online, back on line, back up, is back, are back, returned from, back \
         from, recovered from, return from, came back, come back, now back, has returned, working again, reachable \
         again, available again, responding again, problem gone, ticket closed, case closed, event closed, deasserted, \
         de-asserted, no longer active, alarm off, alert off, alarm reset, outage end*, outage over, outage cleared, \
         incident end*, incident closed, incident over, problem closed, problem end*, problem solved, solved, issue \
         closed, alert closed, alarm closed, alert ended, alarm inactive, alarm cancelled, alarm canceled, alert \
         cancelled, alert canceled, alert reset, reconnected, re-established, reestablished, on line power, to \
         utility, to utility power, to mains, to line power, regained, on utility, on utility power, on mains, on \
         mains power, all clear, remediated, rearmed, has ended, condition ended, fixed, repaired, rebuild completed, \
         rebuild complete, rebuild finished, resync completed, recovery completed, recovery complete, delisted, \
         rectified, within limits, within normal, within range, in range again, normal again, abated, ceased",
    ),
    ("English", OverNoun, "recovery, recover, recovers, resolution, resolve, restore, reset"),
    (
        "English",
        Good,
        "ok, oks, okay, normal, success, linkup, successful, successfully, passed, passing, healthy, optimal, online, \
         exists, exist, responds, inserted, up and running, up to date, no problem*, no issue*, no error*, no fault*, \
         no failure*, no warning*, no alarm*, in sync, succeeded, succeeds, succeed, is up again, fully charged, now \
         running, powered on, power on",
    ),
    (
        "English",
        GoodShy,
        "up, green, ready, valid, safe, on line, fine, charged, closed, clear, established, running, available, \
         accessible, reachable, responding, responsive, alive, operational, connected, good, working, functioning, \
         mounted, stable, started, synchronized, synchronised",
    ),
    ("English", Done, "completed, complete, completes, finished, done, deployed"),
    (
        "English",
        Bad,
        "down, fail, fails, failed, failing, failure*, failover*, error*, fault*, fatal, outage*, unreachable, \
         unavailable, offline, off line, off-line, dead, died, crash*, broken, lost, loss, missing, missed, timeout*, \
         time-out, timed out, time out, refused, denied, rejected, fired, not responding, no response, no reply, no \
         data, no heartbeat*, no signal, no connection, does not exist, doesn't exist, unresponsive, unhealthy, \
         disconnected, disconnect*, firing, triggered, raised, breach*, violat*, exceed*, overload*, overheat*, \
         overflow*, on battery, to battery, to battery power, linkdown, on battery power, on bypass, stopped, stuck, \
         hung, hang*, abort*, abend*, aborted, cancelled, canceled, exception*, corrupt*, invalid, bad, unknown, \
         nodata, unreadable, out of memory, out of disk, out of space, out of sync, out of range, out of service, not \
         ok, no space, killed, terminated, exited, leak*, smoke, fire, flood*, intrusion*, attack*, blocked, \
         deadlock*, expired, blacklisted, blocklisted, takeover*, needs, requires, required, faulted, notok, nok, ko, \
         ng, removed, ejected, tripped, replace now, connection reset, unrecoverable, uncorrect*, unmounted, not \
         ready, not running, interrupted, unresolved, unacknowledged, malfunction*, insufficient*, incomplete, \
         unsuccessful*, unexpected*, asserted, stopped responding, stopped working, stopped running, alarm on, alarm \
         active, alert active, problem active, incident active, fault active, incident started, outage started, alarm \
         started, problem started, event started, powered off, power off, connection closed, port closed, emergency, \
         panic, rollback*, infected, malware, virus, dropped, went away",
    ),
    ("English", Bad, "flappingstart, flapping start*"),
    ("English", Done, "flappingstop, flappingend, flapping stop*, flapping end*"),
    ("English", BadShy, "red, open, out, absent, wrong"),
    (
        "English",
        Mild,
        "degrad*, slow, high, low, full, flapping, unstable, abnormal, anomal*, above threshold, below threshold, over \
         temperature, over threshold, threshold crossed, over limit, exceeded threshold, too high, too low, too many, \
         too few, rebuild*, impaired, predictive failure, expires, expiring, is expiring, restarted, rebooted, \
         reboot*, saturat*, delay*, running low, running out, running hot, running for, still running, long running, \
         too, above normal, below normal, than normal, disabled, behind, replace, replacement, pending, suspended, \
         paused, stale, lagging, yellow, amber, orange, attention, caution, overdue",
    ),
    ("English", Grave, "critical, crit, major, severe, disaster"),
    ("English", Warning, "warning*, warn, minor, advisory, average"),
    ("English", Info, "info, information, informational, notice, notification only"),
    ("English", Alarm, "alarm, alarms, problem, incident, trouble, issue, issues, incidents"),
    ("English", Acknowledged, "acknowledged, acknowledgement, acknowledgment, ack, acked"),
    (
        "English",
        Quiet,
        "downtimeremoved, downtime removed, downtimestart, downtimeend, downtimecancelled, downtimecanceled, downtimestarted, downtimeended, \
         downtimestop, downtime start*, downtime end*, downtime cancel*, scheduled downtime, scheduled maintenance, \
         planned maintenance, planned downtime, maintenance window, maintenance mode, maintenance start*, \
         maintenance end*, maintenance begin*, maintenance completed, maintenance finished, under maintenance, \
         in maintenance, entering maintenance, maintenance scheduled",
    ),
    (
        "English",
        Alive,
        "heartbeat, heart-beat, keepalive, keep-alive, keep alive, i am alive, still alive, sign of life, life sign, proof of life",
    ),
    (
        "English",
        Not,
        "not, no, never, without, non, isn't, aren't, wasn't, doesn't, don't, didn't, hasn't, haven't, won't, zero, 0, \
         nothing, neither, no longer, not yet",
    ),
    (
        "English",
        Unable,
        "failed to, fails to, failing to, failure to, unable to, cannot, can't, can not, couldn't, could not, not able \
         to, refused to, impossible to",
    ),
    (
        "English",
        Thing,
        "alarm notification, alarm message, alarm report, alarm mail, alarm system, alarm id, alarm name, alarm panel, \
         alarm type, problem id, problem notification, problem report, incident id, incident number, incident report, \
         error rate, error ratio, error count, error log, error report, error budget, error code, error message, \
         success rate, success ratio, failure rate, fault tolerance, failover cluster, recovery point, recovery model, \
         recovery mode, recovery time, recovery plan, disaster recovery, up to, high availability, dead letter, clear \
         text, open files, open connections, event log, high priority, low priority, issue tracker, problem name, \
         trouble ticket, no action required, no action is required, no further action required, no further action is \
         required, no response action is required, no user action is required, no response action required, failed \
         logins, warning notification, incident management",
    ),
    (
        "English",
        Moot,
        "gray, grey, warning threshold, critical threshold, critical level, warning level, info level, warning limit, \
         critical limit",
    ),
    (
        "English",
        Unreal,
        "if, when, once, until, unless, should, will be, would, would be, to be, expected to, want to, wish to, \
         toward, towards",
    ),
    (
        "several",
        Code,
        "exit code, return code, exit status, exited with status, exited with code, exited with exit code, exited with \
         return code, ended with status, exitcode, returncode, rc, errorlevel, code retour, code de retour, codigo de \
         salida, codigo de saida, ruckgabewert, codice di uscita",
    ),
    ("English", Was, "was, previously, previous, formerly, old state, last state, old status, prior"),
    (
        "English",
        Now,
        "now, is now, now is, currently, became, becomes, turned, went, new state, new status, current state",
    ),
    (
        "English",
        Detail,
        "since, because, due to, caused by, reason, root cause, cause, as of, duration, in response to",
    ),
    ("pictures", Over, "✅, ✔, 🟢, 🟩, 👍, ☑, 💚"),
    ("pictures", Bad, "🔴, ❌, ❗, 🔥, 🚨, ⛔, 🟥, ✖, ☠, 💥, 🛑, ✗, ✘"),
    ("pictures", Mild, "⚠, 🟡, 🟠, 🟨, 🟧"),
];

/// What a German, Dutch or Scandinavian compound may end in, and what the end says: "Temperaturwarnung".
pub(super) const COMPOUND_ENDS: &[(Class, &str)] = &[
    (Bad, "fehler ausfall storung defekt uberschreitung unterbrechung abbruch fejl feil storing uitval avbrott"),
    (Warning, "warnung waarschuwing varning advarsel"),
    (Alarm, "alarm problem"),
];
