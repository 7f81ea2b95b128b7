//! Two crates that register the same name: a pipeline could not tell them apart.

use super::{Role, plugins, sections};
use crate::diagnostic::Diagnostic;

/// Returns the plugins linked twice; a program should not start then. [`crate::spec::load`] refuses to.
pub fn duplicates() -> Vec<Diagnostic> {
    let stages =
        plugins().into_iter().map(|plugin| (format!("{} `{}`", plugin.role(), plugin.kind()), plugin.defined_in()));
    let sections =
        sections().into_iter().map(|section| (format!("table `[{}]`", section.table()), section.defined_in()));
    let taken = Role::ALL.map(Role::name).into_iter().chain(["name", "run"]);
    let own = taken.map(|name| (format!("table `[{name}]`"), env!("CARGO_CRATE_NAME")));
    duplicates_in(stages.chain(sections).chain(own))
}

/// Returns an error for each thing that is defined twice, with the crates that define it.
fn duplicates_in<'c>(things: impl IntoIterator<Item = (String, &'c str)>) -> Vec<Diagnostic> {
    let mut things: Vec<_> = things.into_iter().collect();
    things.sort();
    let twice = things.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    twice
        .map(|pair| {
            let (thing, first, second) = (&pair[0].0, pair[0].1, pair[1].1);
            let crates = match first == second {
                true => format!("twice by the crate `{first}`"),
                false => format!("by the crate `{first}` and by the crate `{second}`"),
            };
            Diagnostic::error(format!("the {thing} is defined {crates}"))
                .hint("rename one of them, or leave one of the crates out of the program")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_crates_define_names_both() {
        let found = duplicates_in([
            ("filter `platform`".to_owned(), "acme_platform"),
            ("push `platform`".to_owned(), "acme_platform"),
            ("filter `platform`".to_owned(), "sealift_filter_platform"),
        ]);
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "the filter `platform` is defined by the crate `acme_platform` and by the crate `sealift_filter_platform`"
            ]
        );
    }

    #[test]
    fn a_name_that_one_crate_defines_twice_is_told_too() {
        let found = duplicates_in([("push `a`".to_owned(), "acme"), ("push `a`".to_owned(), "acme")]);
        assert_eq!(found[0].message, "the push `a` is defined twice by the crate `acme`");
    }

    #[test]
    fn what_is_linked_into_this_test_is_unique() {
        assert_eq!(duplicates(), []);
    }
}
