//! The conformance suites: a plugin that keeps the rules passes, and one that breaks a rule fails exactly that one.

mod config;
mod fetch;
mod filter;
mod list;
mod login;
mod push;

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use sealift_conformance::{self as kit, Given, Rule, check, memory::Memory};

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

/// How many rules come first that are about the config, and have broken plugins of their own.
const ABOUT_CONFIG: usize = 3;

/// Each way to be odd breaks exactly the rule beside it, and there is a way for every rule of the role.
async fn each_breaks_its_rule(rules: &[Rule], ways: &[(&str, &str)], given: impl Fn(&str) -> Given) {
    for (how, rule) in ways {
        assert_eq!(broken(rules, || given(how)).await, [*rule], "{how}");
    }
    let unproven: Vec<_> =
        rules[ABOUT_CONFIG..].iter().filter(|rule| ways.iter().all(|way| way.1 != rule.name)).collect();
    assert!(unproven.is_empty(), "nothing breaks {:?}", unproven.iter().map(|rule| rule.name).collect::<Vec<_>>());
}

#[test]
fn a_rule_that_is_broken_says_how_to_keep_it() {
    let (observe, login) = (kit::observe::RULES, kit::login::RULES);
    let all = [kit::list::RULES, kit::filter::RULES, kit::fetch::RULES, kit::push::RULES, observe, login];
    for rule in all.into_iter().flatten() {
        assert!(!rule.advice.is_empty() && !rule.advice.ends_with('.'), "{}", rule.name);
    }
    let given = || Given::new("[[filter]]\nuse = \"odd\"\nhow = \"sorts_versions\"\n");
    let said = std::panic::catch_unwind(|| {
        kit::test(kit::filter::RULES, "keeps_the_order", async { given() });
    });
    let said = said.expect_err("the rule is broken").downcast::<String>().expect("a text");
    assert!(said.starts_with("the rule `keeps_the_order` is broken: the version `"), "{said}");
    assert!(said.ends_with("moved\nhow to keep it: use `retain`, and sort nothing but a copy"), "{said}");
}
