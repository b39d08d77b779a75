//! What the tests of all channels share, and what must hold for each of them.

pub(super) mod pages;
pub(super) mod peers;
pub(super) mod sample;

mod properties;
