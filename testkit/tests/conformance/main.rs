//! The conformance suites: a plugin that keeps the rules passes, and one that breaks a rule fails exactly that one.

mod config;
mod fetch;
mod filter;
mod list;
mod push;

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use sealift_testkit::{
    conformance::{Given, Rule, check},
    memory::Memory,
};

/// The registry in memory with this name.
fn memory(name: &str) -> Memory {
    static ALL: Mutex<Option<HashMap<String, Memory>>> = Mutex::new(None);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_default();
    all.entry(name.to_owned()).or_insert_with(|| Memory::new("kit.example")).clone()
}

/// A name that no other registry has.
fn unused() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("memory {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The rules that a plugin breaks.
async fn broken(rules: &[Rule], given: impl Fn() -> Given) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for rule in rules {
        if check(rule, given()).await.is_err() {
            broken.push(rule.name);
        }
    }
    broken
}
