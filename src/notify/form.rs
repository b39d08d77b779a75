//! `application/x-www-form-urlencoded` (WHATWG URL standard, section 5): what telephone providers take and send.

/// Writes pairs as a form.
pub fn write(pairs: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in pairs {
        if !form.is_empty() {
            form.push('&');
        }
        encode(name, &mut form);
        form.push('=');
        encode(value, &mut form);
    }
    form
}

fn encode(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// Reads a form. Broken escapes are taken as they stand, bytes that are no UTF-8 become U+FFFD.
pub fn read(form: &[u8]) -> Vec<(String, String)> {
    let pairs = form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let split = |pair: &[u8]| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (decode(&pair[..equals]), decode(pair.get(equals + 1..).unwrap_or_default()))
    };
    pairs.map(split).collect()
}

fn decode(text: &[u8]) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = (*byte == b'%').then(|| digit(text.get(at + 1)).zip(digit(text.get(at + 2)))).flatten();
        match escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                at += 3;
            }
            None => {
                bytes.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
