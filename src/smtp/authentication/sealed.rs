//! What a forwarder has sealed that it found: an `ARC-Authentication-Results` header (RFC 8617 section 4.1.1, with the
//! grammar of RFC 8601 section 2.2). Anybody can put words into quotes and comments of it, so those are left out.

/// Whether it says that DMARC passed for this author's domain.
pub(super) fn says_dmarc_passed(results: &str, author: &str) -> bool {
    let plain = without_quotes_and_comments(results);
    plain.split(';').any(|result| {
        let mut words = result.split_ascii_whitespace();
        let passed = words.next().is_some_and(|word| word.eq_ignore_ascii_case("dmarc=pass"));
        let domain = words.find_map(|word| word.to_ascii_lowercase().strip_prefix("header.from=").map(str::to_owned));
        passed && domain.is_none_or(|domain| domain == author.to_ascii_lowercase())
    })
}

fn without_quotes_and_comments(text: &str) -> String {
    let (mut plain, mut depth, mut quoted) = (String::with_capacity(text.len()), 0_u32, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if quoted || depth > 0 => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_forwarders_own_words_count() {
        for (results, said) in [
            (" i=1; mx.list.example; dmarc=pass (p=none) header.from=mon.example", true),
            (" i=1; mx.list.example;\r\n\tspf=fail; DMARC=Pass header.from=MON.example", true),
            (" i=1; mx.list.example; dmarc=pass", true),
            (" i=1; mx.list.example; dmarc=pass header.from=other.example", false),
            (" i=1; mx.list.example; dmarc=fail header.from=mon.example", false),
            (" i=1; mx.list.example; dkim=pass header.d=mon.example", false),
            (" i=1; mx.list.example; spf=fail (; dmarc=pass) smtp.mailfrom=a", false),
            (" i=1; mx.list.example; spf=fail smtp.mailfrom=\"; dmarc=pass ;\"@evil.example", false),
            (" i=1; mx.list.example; spf=fail smtp.mailfrom=\"\\\"; dmarc=pass ;\"@evil.example", false),
            ("", false),
        ] {
            assert_eq!(says_dmarc_passed(results, "mon.example"), said, "{results}");
        }
    }
}
