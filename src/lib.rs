//! nightcall turns alert mail into incidents and gets a human out of bed.
//!
//! ```text
//! main → cli → app → { smtp, http, notify } → engine → store → domain      (arrows never turn back)
//!                    settings, definitions (cli, app)     clock (engine, smtp, http, notify)
//!                    ical (definitions, engine, http, notify), which knows domain alone
//! ```
//!
//! A mail comes in by [`smtp`], is judged by [`domain`], stored and acted on by [`engine`] in one transaction of
//! [`store`]; [`notify`] calls people, [`http`] answers scripts. ARCHITECTURE.md holds the map.

pub mod app;
pub mod cli;
pub mod clock;
pub mod definitions;
pub mod disk;
pub mod domain;
pub mod engine;
pub mod http;
pub mod ical;
pub mod notify;
pub mod probe;
pub mod settings;
pub mod smtp;
pub mod store;
