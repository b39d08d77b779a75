//! x
#![allow(missing_docs)]
pub mod clock;
pub mod domain;
pub mod engine;
pub mod smtp;
pub mod store;
