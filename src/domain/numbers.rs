//! The numbers of a stretch of time: how much came, how much of it was noise, how fast people were, and whom it woke.
//!
//! Pure arithmetic over what the store has counted out. A quantile is the nearest rank, so that it is always a time
//! that somebody really took.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::civil_time;

/// Longest stretch that is told, in days.
pub const DAYS_MAX: i64 = 366;

/// Up to so many days there is a bar a day, beyond them a bar a week.
const DAILY_DAYS_MAX: i64 = 35;

/// Hours of the night: people who are paged from ten in the evening until seven in the morning do not sleep well.
const NIGHT_BEGINS: i8 = 22;
const NIGHT_ENDS: i8 = 7;

/// One incident as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its service, sender or rule.
    pub group: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When somebody first took it.
    pub taken_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Alerts that it has taken up.
    pub alerts: i64,
    /// Calls for attention: steps of its policy that were paged.
    pub pages: i64,
    /// A person did something about it.
    pub touched: bool,
}

/// Middle and slow end of some lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Half of them took no longer.
    pub median: SignedDuration,
    /// Nine of ten took no longer.
    pub p90: SignedDuration,
}

/// What is told of a group, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The group; empty for all, and for what has none.
    pub group: String,
    /// Incidents that opened.
    pub incidents: i64,
    /// Alerts that came to an incident that was there already.
    pub folded: i64,
    /// Calls for attention.
    pub pages: i64,
    /// Incidents that paged and are over, and how many of them went away without anybody doing anything.
    pub over: i64,
    /// See `over`.
    pub noise: i64,
    /// From opening to somebody taking it.
    pub to_take: Option<Spread>,
    /// From opening to the end.
    pub to_resolve: Option<Spread>,
    /// Incidents that opened in each part of the time.
    pub opened: Vec<i64>,
    /// Calls for attention about those, in each part of the time.
    pub paged: Vec<i64>,
}

impl Line {
    /// Incidents that paged and needed nobody, in percent of those that paged and are over.
    pub fn noise_percent(&self) -> Option<i64> {
        (self.over > 0).then(|| (self.noise * 100 + self.over / 2) / self.over)
    }
}

/// A stretch of civil days, cut into days or weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first day.
    pub first: Date,
    /// The last day; it belongs to the range.
    pub last: Date,
    /// Where the parts begin, and at last where the range ends.
    pub bounds: Vec<Timestamp>,
    /// The first day of each part.
    pub days: Vec<Date>,
    /// Days of a part.
    pub step: i64,
}

impl Range {
    /// From one day to another, in a zone. The wrong way round it is turned, and it is [`DAYS_MAX`] long at most: the
    /// beginning gives way.
    pub fn new(first: Date, last: Date, zone: &TimeZone) -> Self {
        let (first, last) = (first.min(last), first.max(last));
        let earliest = last.checked_sub((DAYS_MAX - 1).days()).unwrap_or(first);
        let first = first.max(earliest);
        let count = i64::from((last - first).get_days()) + 1;
        let step = if count <= DAILY_DAYS_MAX { 1 } else { 7 };
        let (mut days, mut day) = (Vec::new(), first);
        while day <= last {
            days.push(day);
            let Ok(next) = day.checked_add(step.days()) else { break };
            day = next;
        }
        let midnight = |day: Date| civil_time::first(zone, day.at(0, 0, 0, 0));
        let mut bounds: Vec<Timestamp> = days.iter().map(|day| midnight(*day)).collect();
        bounds.push(midnight(last.tomorrow().unwrap_or(last)));
        Self { first, last, bounds, days, step }
    }

    /// Where it begins.
    pub fn from(&self) -> Timestamp {
        self.bounds.first().copied().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Where it ends; no longer part of it.
    pub fn to(&self) -> Timestamp {
        self.bounds.last().copied().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Which part an instant lies in.
    fn part(&self, at: Timestamp) -> Option<usize> {
        let after = self.bounds.partition_point(|bound| *bound <= at);
        after.checked_sub(1).filter(|part| *part < self.days.len())
    }
}

/// All cases together, and each group, the one with the most incidents first.
pub fn lines(cases: &[Case], range: &Range) -> (Line, Vec<Line>) {
    let mut groups: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        groups.entry(&case.group).or_default().push(case);
    }
    let mut lines: Vec<Line> = groups.into_iter().map(|(group, cases)| line(group, &cases, range)).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.incidents));
    (line("", &cases.iter().collect::<Vec<_>>(), range), lines)
}

fn line(group: &str, cases: &[&Case], range: &Range) -> Line {
    let parts = range.days.len();
    let mut line = Line { group: group.to_owned(), opened: vec![0; parts], paged: vec![0; parts], ..Line::default() };
    let (mut to_take, mut to_resolve) = (Vec::new(), Vec::new());
    for case in cases {
        line.incidents += 1;
        line.folded += (case.alerts - 1).max(0);
        line.pages += case.pages;
        if case.pages > 0 && case.resolved_at.is_some() {
            line.over += 1;
            line.noise += i64::from(!case.touched);
        }
        to_take.extend(case.taken_at.map(|at| case.opened_at.duration_until(at)));
        to_resolve.extend(case.resolved_at.map(|at| case.opened_at.duration_until(at)));
        if let Some(part) = range.part(case.opened_at) {
            line.opened[part] += 1;
            line.paged[part] += case.pages;
        }
    }
    Line { to_take: spread(to_take), to_resolve: spread(to_resolve), ..line }
}

/// The median of the times to take, for each part of the range; `None` where nothing was taken.
pub fn taking(cases: &[Case], range: &Range) -> Vec<Option<SignedDuration>> {
    let mut parts: Vec<Vec<SignedDuration>> = vec![Vec::new(); range.days.len()];
    for case in cases {
        if let (Some(part), Some(at)) = (range.part(case.opened_at), case.taken_at) {
            parts[part].push(case.opened_at.duration_until(at));
        }
    }
    parts.into_iter().map(|part| spread(part).map(|spread| spread.median)).collect()
}

fn spread(mut lengths: Vec<SignedDuration>) -> Option<Spread> {
    lengths.sort_unstable();
    // The nearest rank: the smallest length that so many of them do not exceed.
    let rank = |percent: usize| (lengths.len() * percent).div_ceil(100).checked_sub(1);
    let at = |percent| rank(percent).and_then(|rank| lengths.get(rank)).copied();
    Some(Spread { median: at(50)?, p90: at(90)? })
}

/// How often somebody was paged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paged {
    /// Who.
    pub user: String,
    /// How often in all.
    pub pages: i64,
    /// How often at night, where they live.
    pub at_night: i64,
}

/// Counts pages by person; who was paged at night most often comes first. `zone` is where somebody lives.
pub fn by_person<'z>(told: &[(String, Timestamp)], zone: impl Fn(&str) -> &'z TimeZone) -> Vec<Paged> {
    let mut people: BTreeMap<&str, Paged> = BTreeMap::new();
    for (user, at) in told {
        let paged = people.entry(user).or_insert_with(|| Paged { user: user.clone(), ..Paged::default() });
        paged.pages += 1;
        paged.at_night += i64::from(is_night(*at, zone(user)));
    }
    let mut people: Vec<Paged> = people.into_values().collect();
    people.sort_by_key(|paged| std::cmp::Reverse((paged.at_night, paged.pages)));
    people
}

/// Whether it is night somewhere.
pub fn is_night(at: Timestamp, zone: &TimeZone) -> bool {
    let hour = zone.to_datetime(at).hour();
    !(NIGHT_ENDS..NIGHT_BEGINS).contains(&hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn case(group: &str, opened: &str, taken: Option<i64>, resolved: Option<i64>, alerts: i64, pages: i64) -> Case {
        let opened_at = at(opened);
        let after = |minutes: Option<i64>| minutes.map(|minutes| opened_at + SignedDuration::from_mins(minutes));
        let (taken_at, resolved_at) = (after(taken), after(resolved));
        Case { group: group.to_owned(), opened_at, taken_at, resolved_at, alerts, pages, touched: taken.is_some() }
    }

    #[test]
    fn a_range_is_days_or_weeks_and_a_year_at_most() {
        for (first, last, parts, step, from, to) in [
            ("2026-03-28", "2026-03-30", 3, 1, "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z"),
            ("2026-03-30", "2026-03-28", 3, 1, "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z"),
            ("2026-01-01", "2026-01-01", 1, 1, "2025-12-31T23:00:00Z", "2026-01-01T23:00:00Z"),
            ("2026-01-01", "2026-02-04", 35, 1, "2025-12-31T23:00:00Z", "2026-02-04T23:00:00Z"),
            ("2026-01-01", "2026-02-05", 6, 7, "2025-12-31T23:00:00Z", "2026-02-05T23:00:00Z"),
            ("1970-01-01", "2024-12-31", 53, 7, "2023-12-31T23:00:00Z", "2024-12-31T23:00:00Z"),
        ] {
            let day = |text: &str| text.parse::<Date>().expect(text);
            let range = Range::new(day(first), day(last), &berlin());
            assert_eq!((range.days.len(), range.step), (parts, step), "{first} {last}");
            assert_eq!((range.from(), range.to()), (at(from), at(to)), "{first} {last}");
        }
    }

    #[test]
    fn what_is_counted() {
        let day = |text: &str| text.parse::<Date>().expect(text);
        let range = Range::new(day("2026-11-01"), day("2026-11-02"), &TimeZone::UTC);
        let cases = [
            case("db", "2026-11-01T00:00:00Z", Some(4), Some(30), 3, 1),
            case("db", "2026-11-01T23:59:59Z", Some(10), Some(90), 1, 2),
            case("db", "2026-11-02T00:00:00Z", None, Some(5), 1, 1),
            case("db", "2026-11-02T01:00:00Z", None, Some(1), 1, 0),
            case("web", "2026-11-02T02:00:00Z", None, None, 7, 2),
        ];
        let (all, lines) = lines(&cases, &range);
        let [db, web] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((db.group.as_str(), web.group.as_str()), ("db", "web"));
        assert_eq!((db.incidents, db.folded, db.pages, db.over, db.noise), (4, 2, 4, 3, 1));
        assert_eq!((db.noise_percent(), web.noise_percent()), (Some(33), None), "one of three; none is over");
        assert_eq!((&db.opened[..], &db.paged[..]), (&[2, 2][..], &[3, 1][..]));
        let minutes = |spread: Option<Spread>| spread.map(|it| (it.median.as_mins(), it.p90.as_mins()));
        assert_eq!(minutes(db.to_take), Some((4, 10)));
        assert_eq!(minutes(db.to_resolve), Some((5, 90)));
        assert_eq!(minutes(web.to_take), None);
        assert_eq!((all.incidents, all.folded, all.pages), (5, 8, 6));
        let taking = taking(&cases, &range);
        assert_eq!(taking, [Some(SignedDuration::from_mins(4)), None]);
    }

    #[test]
    fn quantiles_are_lengths_that_were_taken() {
        for (lengths, median, p90) in [
            (&[7][..], 7, 7),
            (&[1, 2], 1, 2),
            (&[3, 1, 2], 2, 3),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5, 9),
            (&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 50], 1, 1),
        ] {
            let found = spread(lengths.iter().map(|minutes| SignedDuration::from_mins(*minutes)).collect());
            let found = found.map(|found| (found.median.as_mins(), found.p90.as_mins()));
            assert_eq!(found, Some((median, p90)), "{lengths:?}");
        }
        assert_eq!(spread(Vec::new()), None);
    }

    #[test]
    fn night_is_where_somebody_lives() {
        let (berlin, tokyo) = (berlin(), TimeZone::get("Asia/Tokyo").expect("a zone"));
        for (time, in_berlin, in_tokyo) in [
            ("2026-07-01T20:00:00Z", true, true),
            ("2026-07-01T19:59:59Z", false, true),
            ("2026-07-01T05:00:00Z", false, false),
            ("2026-07-01T04:59:59Z", true, false),
            ("2026-12-01T20:59:59Z", false, true),
            ("2026-12-01T13:00:00Z", false, true),
        ] {
            assert_eq!((is_night(at(time), &berlin), is_night(at(time), &tokyo)), (in_berlin, in_tokyo), "{time}");
        }
        let told = [("ann", "2026-12-01T13:00:00Z"), ("kei", "2026-12-01T13:00:00Z"), ("ann", "2026-12-01T14:00:00Z")];
        let told = told.map(|(user, time)| (user.to_owned(), at(time)));
        let people = by_person(&told, |user| if user == "kei" { &tokyo } else { &berlin });
        let people: Vec<_> = people.iter().map(|paged| (paged.user.as_str(), paged.pages, paged.at_night)).collect();
        assert_eq!(people, [("kei", 1, 1), ("ann", 2, 0)]);
    }
}
