//! The integration tests: one binary, so that it links once.
//!
//! `world` is the harness; the other files are named after what they test. PostgreSQL, Chromium, strace and a release of
//! Debian are used where a user would meet them; a test without its real component says so and is skipped,
//! unless `NIGHTCALL_TEST_ALL` is set, which turns the skip into a failure.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tests tell what they measured or skipped")]

mod abuse;
mod access;
mod api;
mod api_access;
mod api_parity;
mod api_promises;
mod api_remote;
mod authentication;
mod browser;
mod calendar;
mod certificates;
mod channels;
mod cli;
mod corpus;
mod crash;
mod definitions;
mod dialogs;
mod disk;
mod durability;
mod exchange;
mod hooks_answered;
mod hooks_provider;
mod hooks_push;
mod hooks_told;
mod letters;
mod limits;
mod live;
mod memory;
mod nameserver;
mod oidc;
mod oncall;
mod oracle;
mod order;
mod pages;
mod pages_duty;
mod pages_mails;
mod pages_numbers;
mod pages_rules;
mod peers;
mod people;
mod plans;
mod postgres;
mod probe;
mod quiet;
mod readme;
mod recogniser;
mod rules;
mod schema;
mod score;
mod search;
mod senders;
mod simulation;
mod smtp;
mod smtp_out;
mod smuggling;
mod store;
mod stories;
mod storm;
mod telephone;
mod tidy;
mod total;
mod trail;
mod transport;
mod twins;
mod voice;
mod webhook;
mod world;
