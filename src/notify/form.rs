//! `application/x-www-form-urlencoded` (WHATWG URL standard, section 5): what telephone providers take and send.

use url::form_urlencoded;

/// Writes pairs as a form.
pub fn write(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Reads a form. Broken escapes are taken as they stand, bytes that are no UTF-8 become U+FFFD.
pub fn read(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}

/// The value of the first pair with this name, or nothing.
pub fn value<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_come_back() {
        let pairs = [("To", "+49 1"), ("StartTime>", "a&b=c%"), ("Body", "磁盘 €\r\n"), ("", "")];
        let form = write(&pairs);
        assert!(form.starts_with("To=%2B49+1&StartTime%3E=a%26b%3Dc%25&Body="));
        assert!(form.is_ascii() && !form.contains(['\r', '\n']));
        let owned: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(read(form.as_bytes()), owned);
    }

    #[test]
    fn broken_forms_are_read_as_they_stand() {
        let read_value = |form: &str| value(&read(form.as_bytes()), "a").to_owned();
        for (form, expected) in
            [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=%ff", "\u{fffd}"), ("a", ""), ("&&a=1&a=2", "1")]
        {
            assert_eq!(read_value(form), expected, "{form}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(name in ".*", text in ".*") {
            let expected = vec![(name.clone(), text.clone())];
            prop_assert_eq!(read(write(&[(&name, &text)]).as_bytes()), expected);
        }

        #[test]
        fn reading_never_panics(form in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&form);
        }
    }
}
