//! The protocol against real registries, and against odd ones of our own.

mod batches;
mod catalog;
mod client;
mod confirming;
mod double;
mod expiring_logins;
mod h2;
mod harbor;
mod logging_in;
mod mirrors;
mod names;
mod nonsense;
mod offers;
mod parts;
mod patience;
mod policy;
mod ranges;
mod real;
mod refusals;
mod resume;
mod setting;
mod stored;
mod strangers;
mod tls;
mod uploads;
mod web;
