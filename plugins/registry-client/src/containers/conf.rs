//! What `registries.conf` says of a repository (containers-registries.conf(5)).

use sealift_core::content::Repository;

/// All entries, by prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistriesConf(Vec<Entry>);

/// One `[[registry]]`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The beginning of the names that it is about; `*.` in front stands for all hosts below a domain.
    pub(super) prefix: String,
    /// What stands in place of the prefix where images are; empty: the same.
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) mirrors: Vec<Mirror>,
    /// Where it was written, for messages.
    pub(super) file: String,
}

/// Another place of the same images.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) pulls: Pulls,
}

/// What is pulled from a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulls {
    All,
    Digests,
    Tags,
}

impl RegistriesConf {
    /// Adds an entry, in place of an earlier one for the same prefix.
    pub(super) fn put(&mut self, entry: Entry) {
        self.0.retain(|known| known.prefix != entry.prefix);
        self.0.push(entry);
    }

    /// The places where images of a repository may be read, mirrors first, the repository's own place last.
    pub(crate) fn sources(&self, repository: &Repository, by_digest: bool) -> Vec<Repository> {
        if self.0.is_empty() {
            return vec![repository.clone()];
        }
        let name = repository.to_string();
        let Some((entry, matched)) = self.find(&name) else { return vec![repository.clone()] };
        let rest = &name[matched..];
        let fits = |mirror: &&Mirror| match mirror.pulls {
            Pulls::All => true,
            Pulls::Digests => by_digest,
            Pulls::Tags => !by_digest,
        };
        let mirrors = entry.mirrors.iter().filter(fits).map(|mirror| mirror.location.as_str());
        let at = |location: &str| match location {
            "" => Some(repository.clone()),
            location => format!("{location}{rest}").parse().ok(),
        };
        let mut found: Vec<Repository> = mirrors.filter_map(at).collect();
        found.push(at(&entry.location).unwrap_or_else(|| repository.clone()));
        found
    }

    /// Returns true if the certificate of a host is not verified, and plain http is spoken with it.
    pub(crate) fn is_insecure(&self, host: &str) -> bool {
        let about = |entry: &Entry| match entry.location.split('/').next().unwrap_or_default() {
            "" => matched(&format!("{host}/x"), entry.prefix.split('/').next().unwrap_or_default()).is_some(),
            location => location == host || entry.prefix.split('/').next() == Some(host),
        };
        self.0.iter().any(|entry| {
            let mirror = |mirror: &Mirror| mirror.insecure && mirror.location.split('/').next() == Some(host);
            (entry.insecure && about(entry)) || entry.mirrors.iter().any(mirror)
        })
    }

    /// The file that blocks a repository, if one does.
    pub(crate) fn blocked_by(&self, repository: &Repository) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let (entry, _) = self.find(&repository.to_string())?;
        entry.blocked.then_some(&*entry.file)
    }

    /// The entry with the longest prefix of a name, and how much of the name that is.
    fn find(&self, name: &str) -> Option<(&Entry, usize)> {
        let found = self.0.iter().filter_map(|entry| Some((entry, matched(name, &entry.prefix)?)));
        found.max_by_key(|(entry, _)| entry.prefix.len())
    }
}

/// How much of a name a prefix covers, if it does: up to the end of an element.
fn matched(name: &str, prefix: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*') {
        Some(domain) if domain.starts_with('.') => {
            let at = name.find(domain)?;
            if name[..at].contains('/') {
                return None;
            }
            at + domain.len()
        }
        _ if name.starts_with(prefix) => prefix.len(),
        _ => return None,
    };
    matches!(name[end..].chars().next(), None | Some('/' | ':' | '@')).then_some(end)
}
