//! Lists of stretches of time: in order, none empty, none touching the next.

use jiff::{SignedDuration, Timestamp};

/// From the first instant to just before the second.
pub type Stretch = (Timestamp, Timestamp);

/// What is looked through at once at most, ten years: nobody plans further, and a slip of the pen must not cost hours.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// The stretch between two instants, cut after [`LONGEST`]; `None` if it is empty.
pub fn range(from: Timestamp, to: Timestamp) -> Option<Stretch> {
    (from < to).then(|| (from, to.min(later(from, LONGEST))))
}

/// An instant so much later, or the last one there is.
pub fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The part of a stretch that lies within another; `None` if there is none.
pub fn clipped(one: Stretch, other: Stretch) -> Option<Stretch> {
    let (from, to) = (one.0.max(other.0), one.1.min(other.1));
    (from < to).then_some((from, to))
}

/// Puts stretches that may overlap in any order into a list.
pub fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.retain(|(from, to)| from < to);
    stretches.sort_unstable();
    stretches.dedup_by(|next, kept| {
        let touches = next.0 <= kept.1;
        if touches {
            kept.1 = kept.1.max(next.1);
        }
        touches
    });
    stretches
}

/// What lies in both lists.
pub fn common(left: &[Stretch], right: &[Stretch]) -> Vec<Stretch> {
    let mut both = Vec::new();
    let (mut at, mut other) = (0, 0);
    while let (Some(one), Some(two)) = (left.get(at), right.get(other)) {
        both.extend(clipped(*one, *two));
        if one.1 <= two.1 {
            at += 1;
        } else {
            other += 1;
        }
    }
    both
}

/// What of `within` lies in none of the list.
pub fn rest(list: &[Stretch], within: Stretch) -> Vec<Stretch> {
    let mut rest = Vec::new();
    let mut from = within.0;
    for (start, end) in list {
        rest.extend(clipped((from, *start), within));
        from = from.max(*end);
    }
    rest.extend(clipped((from, within.1), within));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(i64, i64)]) -> Vec<Stretch> {
        let at = |second| Timestamp::from_second(second).unwrap();
        pairs.iter().map(|(from, to)| (at(*from), at(*to))).collect()
    }

    #[test]
    fn touching_and_overlapping_become_one_and_empty_ones_go() {
        assert_eq!(merged(list(&[(5, 7), (9, 9), (1, 3), (3, 4), (6, 6), (2, 3)])), list(&[(1, 4), (5, 7)]));
    }

    #[test]
    fn common_and_rest_divide_time() {
        let (one, two) = (list(&[(0, 10), (20, 30)]), list(&[(5, 6), (8, 22), (30, 40)]));
        assert_eq!(common(&one, &two), list(&[(5, 6), (8, 10), (20, 22)]));
        assert_eq!(rest(&one, list(&[(5, 35)])[0]), list(&[(10, 20), (30, 35)]));
        assert_eq!(rest(&[], list(&[(5, 35)])[0]), list(&[(5, 35)]));
    }
}
