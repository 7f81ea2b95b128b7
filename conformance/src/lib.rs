//! Suites that tell whether a plugin keeps the rules of its role, one named test a rule.
//!
//! ```no_run
//! use acme_filter_suffix as _; // the plugin, so that it is linked
//! # mod acme_filter_suffix {}
//! use sealift_conformance::Given;
//!
//! sealift_conformance::conformance!(filter: Given::new("[[filter]]\nuse = \"suffix\"\nkeep = [\"-alpine\"]\n"));
//! ```
//!
//! The line stands in an integration test (`tests/conformance.rs`) and becomes one test for each rule in the list of the
//! role: [`list`], [`filter`], [`fetch`], [`push`], [`observe`], [`login`]. For several plugins in one file put each line into a module of its
//! own. What is tested is the plugin as a pipeline has it: made from TOML, with the diagnostics of a real file.
//!
//! The input of a suite is a [`Given`]: the TOML of the stage, files, variables, and values that must live as long as
//! the test. It is built again for each rule, inside a tokio runtime, so the expression may use `.await`. If it is an
//! `Option`, `None` means that a requirement is missing on this machine, and the rule is not checked:
//!
//! ```ignore
//! sealift_conformance::conformance!(push: destination().await);
//! ```

mod config;
pub mod fetch;
pub mod filter;
mod given;
pub mod images;
pub mod list;
pub mod login;
pub mod memory;
pub mod observe;
pub mod push;
mod samples;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};

pub use given::Given;
pub use samples::samples;

/// A broken rule, described in one sentence for the author of the plugin.
pub type Violation = String;

/// A rule that every plugin of a role keeps.
pub struct Rule {
    /// Its name, which is that of the test.
    pub name: &'static str,
    /// Advice to the author of a plugin that breaks it.
    pub advice: &'static str,
    /// Looks whether it is kept.
    pub check: fn(Arc<Given>) -> BoxFuture<'static, Result<(), Violation>>,
}

/// A rule that takes longer is broken: a task waits and is never woken.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks whether a rule is kept. A panic counts as a violation.
///
/// # Errors
/// Returns the violation if it is broken.
pub async fn check(rule: &Rule, given: Given) -> Result<(), Violation> {
    let checked = AssertUnwindSafe((rule.check)(Arc::new(given))).catch_unwind();
    match tokio::time::timeout(LIMIT, checked).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(format!("the plugin panicked: {}", text_of(&*panic))),
        Err(_) => Err(format!("it took longer than {} seconds", LIMIT.as_secs())),
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Runs one test of [`conformance!`]. Without a `Given` the test passes.
///
/// # Panics
/// If the rule is broken.
#[doc(hidden)]
pub fn test<G: Into<Option<Given>>>(rules: &[Rule], name: &str, given: impl Future<Output = G>) {
    let rule = rules.iter().find(|rule| rule.name == name).expect("the macro names only rules that there are");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = runtime.expect("a runtime starts").block_on(async {
        match given.await.into() {
            Some(given) => check(rule, given).await,
            None => Ok(()),
        }
    });
    if let Err(violation) = result {
        panic!("the rule `{name}` is broken: {violation}\nhow to keep it: {}", rule.advice);
    }
}

/// The rules of a role: those about the configuration, and its own.
macro_rules! rules {
    ($role:expr; $($name:ident: $advice:literal),* $(,)?) => {
        /// The rules.
        pub const RULES: &[$crate::Rule] = &[
            $crate::Rule {
                name: "every_field_is_described",
                advice: "write a doc comment for the config struct and for each field, also of the structs in it",
                check: |given| Box::pin(async move { $crate::config::every_field_is_described($role, &given) }),
            },
            $crate::Rule {
                name: "unknown_keys_are_refused",
                advice: "put `#[serde(deny_unknown_fields)]` on the config struct",
                check: |given| Box::pin(async move { $crate::config::unknown_keys_are_refused($role, &given) }),
            },
            $crate::Rule {
                name: "secrets_never_print",
                advice: "make a password or token a `sealift_core::secret::SecretValue`, and never print what `reveal` gives",
                check: |given| Box::pin(async move { $crate::config::secrets_never_print($role, &given) }),
            },
            $($crate::Rule {
                name: stringify!($name),
                advice: $advice,
                check: |given| Box::pin($name(given)),
            },)*
        ];
    };
}
pub(crate) use rules;

/// One test for each rule of a role; see [the documentation of the crate](crate).
#[macro_export]
macro_rules! conformance {
    (list: $given:expr $(,)?) => {
        $crate::conformance_tests!(list, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            stops_when_nobody_wants_more waits_while_nobody_takes can_be_asked_twice
            lists_one_repository_again);
    };
    (filter: $given:expr $(,)?) => {
        $crate::conformance_tests!(filter, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            only_drops keeps_the_order twice_is_once says_whether_it_rewrites);
    };
    (fetch: $given:expr $(,)?) => {
        $crate::conformance_tests!(fetch, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            tag_and_digest_lead_to_the_same bytes_are_verbatim reads_an_empty_blob two_tags_share_a_manifest
            what_is_not_there_is_not_found);
    };
    (push: $given:expr $(,)?) => {
        $crate::conformance_tests!(push, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            place_is_pure a_blob_is_there_whole_or_not_at_all ten_may_write_one_blob takes_an_empty_blob
            bytes_are_verbatim two_tags_share_a_manifest a_tag_can_move twice_is_once an_index_is_there_the_next_time
            knows_what_it_has);
    };
    (observe: $given:expr $(,)?) => {
        $crate::conformance_tests!(observe, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            takes_every_event);
    };
    (login: $given:expr $(,)?) => {
        $crate::conformance_tests!(login, $given; every_field_is_described unknown_keys_are_refused secrets_never_print
            has_a_login an_origin_is_no_secret one_entry_has_one_origin);
    };
}

/// One test for each name.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($role:ident, $given:expr; $($rule:ident)*) => {
        const _: () = assert!([$(stringify!($rule)),*].len() == $crate::$role::RULES.len());
        $(
            #[test]
            fn $rule() {
                $crate::test($crate::$role::RULES, stringify!($rule), async { $given });
            }
        )*
    };
}
