//! The yield of each rule.
//!
//! Exit code 0 says that everything asked for is there, so that a rule of which nothing is left, and a list that finds
//! nothing at all, are failures. Only a filter that may leave nothing ([`Filter::may_leave_nothing`]) excuses that.
//!
//! [`Filter::may_leave_nothing`]: crate::stage::Filter::may_leave_nothing

use std::{collections::HashMap, sync::Arc};

use crate::content::Repository;

/// Hint for the error that nothing is left of a rule, a list or an image.
pub(super) const MAY_BE_EMPTY: &str =
    "mend what was asked for, or say that it may be empty: `--allow-empty`, or `allow_empty = true` in [run]";

/// The yields of a run's rules: one entry for each rule, whose name is shared with the list.
#[derive(Default)]
pub(super) struct Yields {
    rules: HashMap<Arc<str>, Yield>,
    /// True if any rule yielded something.
    something: bool,
}

struct Yield {
    number: usize,
    /// None once the rule yielded something.
    nothing: Option<Nothing>,
}

/// A rule of which nothing is left so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nothing {
    /// The repository of the rule, if it is a single one.
    pub(super) repository: Option<Repository>,
    /// The reason.
    pub(super) why: String,
    /// True if this alone is a failure. If false, it is one only if all rules yield nothing.
    pub(super) must_yield: bool,
}

impl Yields {
    /// Notes that something came of a rule.
    pub(super) fn something(&mut self, rule: &Arc<str>) {
        self.something = true;
        match self.rules.get_mut(rule) {
            Some(known) => known.nothing = None,
            None => self.add(rule, None),
        }
    }

    /// Notes that a part of a rule, or all of it, came to nothing. The first reason is kept.
    pub(super) fn nothing(&mut self, rule: &Arc<str>, nothing: Nothing) {
        if !self.rules.contains_key(rule) {
            self.add(rule, Some(nothing));
        }
    }

    fn add(&mut self, rule: &Arc<str>, nothing: Option<Nothing>) {
        let number = self.rules.len();
        self.rules.insert(Arc::clone(rule), Yield { number, nothing });
    }

    /// Returns the repositories of rules of which nothing is left so far.
    pub(super) fn empty_repositories(&self) -> impl Iterator<Item = &Repository> {
        self.rules.values().filter_map(|rule| rule.nothing.as_ref()?.repository.as_ref())
    }

    /// Forgets what is known of rules that look into `repository` and came to nothing, because it is looked at again.
    pub(super) fn forget(&mut self, repository: &Repository) {
        self.rules.retain(|_, rule| {
            rule.nothing.as_ref().is_none_or(|nothing| nothing.repository.as_ref() != Some(repository))
        });
    }

    /// Returns true if no rule yielded anything.
    pub(super) fn is_nothing(&self) -> bool {
        !self.something
    }

    /// Returns the rules of which nothing is left, in the order in which that was found out.
    pub(super) fn empty(&self) -> Vec<&Nothing> {
        let mut rules: Vec<_> = self.rules.values().collect();
        rules.sort_by_key(|rule| rule.number);
        rules.into_iter().filter_map(|rule| rule.nothing.as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(repository: &str) -> Nothing {
        Nothing { repository: Some(repository.parse().unwrap()), why: "why".to_owned(), must_yield: true }
    }

    #[test]
    fn a_rule_is_empty_until_something_comes_of_it() {
        let rule = |name: &str| Arc::<str>::from(name);
        let mut yields = Yields::default();
        assert!(yields.is_nothing());
        yields.nothing(&rule("2"), nothing("q.io/b"));
        yields.nothing(&rule("1"), nothing("q.io/a"));
        yields.nothing(&rule("1"), nothing("q.io/c"));
        assert_eq!(yields.empty(), [&nothing("q.io/b"), &nothing("q.io/a")]);
        assert!(yields.is_nothing());
        yields.something(&rule("2"));
        yields.nothing(&rule("2"), nothing("q.io/b"));
        assert_eq!(yields.empty(), [&nothing("q.io/a")], "one image that is there is enough");
        assert!(!yields.is_nothing());
        yields.forget(&"q.io/a".parse().unwrap());
        assert!(yields.empty().is_empty());
    }
}
