//! Scopes of tokens (distribution's token documentation, "Token Scope").

use sealift_core::content::Repository;

/// Scopes, the important one first: some token services look at the first only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    /// To read a repository.
    pub(crate) fn pull(repository: &Repository) -> Self {
        Self(vec![format!("repository:{}:pull", repository.path())])
    }

    /// To write to a repository, and to read it.
    pub(crate) fn push(repository: &Repository) -> Self {
        Self(vec![format!("repository:{}:pull,push", repository.path())])
    }

    /// To delete manifests of a repository.
    pub(crate) fn delete(repository: &Repository) -> Self {
        Self(vec![format!("repository:{}:pull,push,delete", repository.path())])
    }

    /// Scopes in one text, separated by spaces.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Returns these scopes together with others, where those are more.
    pub(crate) fn and(self, others: &Self) -> Self {
        others.iter().fold(self, |all, scope| all.and_demanded(Some(scope)))
    }

    /// Also to read another one, from which blobs are mounted.
    pub(crate) fn and_pull(self, other: &Repository) -> Self {
        self.and_demanded(Some(&format!("repository:{}:pull", other.path())))
    }

    /// Together with what a challenge demands, where that is more. Several scopes are separated by spaces.
    pub(crate) fn and_demanded(mut self, demanded: Option<&str>) -> Self {
        for scope in demanded.unwrap_or_default().split_whitespace() {
            if !self.covers(scope) {
                self.0.push(scope.to_owned());
            }
        }
        self
    }

    /// Returns true if a scope adds nothing to these.
    fn covers(&self, scope: &str) -> bool {
        let split = |text: &str| text.rsplit_once(':').map(|(name, actions)| (name.to_owned(), actions.to_owned()));
        self.0.iter().any(|ours| match (split(ours), split(scope)) {
            (Some((ours, have)), Some((theirs, need))) => {
                ours == theirs && need.split(',').all(|action| have.split(',').any(|had| had == action))
            }
            _ => ours == scope,
        })
    }

    /// In the order in which they are asked for.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The same for the same scopes in any order.
    pub(crate) fn key(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(path: &str) -> Repository {
        Repository::new("r.io", path).unwrap()
    }

    #[test]
    fn only_what_is_more_is_added() {
        let push = Scopes::push(&repository("a/b"));
        assert_eq!(push.clone().and_demanded(Some("repository:a/b:pull")), push);
        assert_eq!(push.clone().and_demanded(Some("repository:a/b:push,pull")), push);
        assert_eq!(push.clone().and_demanded(None), push);
        let more = push.and_demanded(Some("repository:a/b:delete registry:catalog:*"));
        assert_eq!(
            more.iter().collect::<Vec<_>>(),
            ["repository:a/b:pull,push", "repository:a/b:delete", "registry:catalog:*"]
        );
    }

    #[test]
    fn the_order_makes_no_difference_to_the_key_but_to_the_question() {
        let (a, b) = (repository("a"), repository("b"));
        let one = Scopes::pull(&a).and_pull(&b);
        let other = Scopes::pull(&b).and_pull(&a);
        assert_eq!(one.key(), other.key());
        assert_eq!(one.iter().next(), Some("repository:a:pull"));
    }
}
