//! A PROXY header of any bytes: read to its end and not further, the same however it comes, or refused.

use nightcall::smtp::proxy::{Header, read};

/// Longer than any header that is taken.
const BYTES_MAX: usize = 5000;

pub(crate) fn check(input: &[u8]) {
    // As the connection reads it: as many bytes as it is told to.
    let mut taken = 0;
    let header = loop {
        match read(&input[..taken]) {
            Header::More(count) => {
                assert!(count > 0, "it asks for something");
                if taken + count > input.len() {
                    return;
                }
                taken += count;
                assert!(taken <= BYTES_MAX, "it comes to an end");
            }
            header => break header,
        }
    };
    assert_eq!(header, read(&input[..taken]), "the same each time");
    if header != Header::Invalid {
        assert!(input.starts_with(b"PROXY ") || input.starts_with(b"\r\n\r\n\0\r\nQUIT\n"), "it begins like one");
        for shorter in 0..taken {
            assert!(matches!(read(&input[..shorter]), Header::More(_)), "{shorter} bytes of {taken} are not all of it");
        }
    }
}
