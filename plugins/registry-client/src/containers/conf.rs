//! The meaning of `registries.conf` for a repository (containers-registries.conf(5)).

use sealift_core::content::Repository;

/// All entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistriesConf(Vec<RegistryRule>);

/// One `[[registry]]`.
#[derive(Clone, Debug)]
pub(super) struct RegistryRule {
    /// The prefix of the names that it applies to; a leading `*.` stands for all hosts below a domain.
    pub(super) prefix: String,
    /// The replacement of the prefix; the same if empty.
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) mirrors: Vec<Mirror>,
    /// The file that it is in, for messages.
    pub(super) file: String,
}

/// A mirror of the same images.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) pulls: MirroredPulls,
}

/// The pulls that a mirror is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MirroredPulls {
    All,
    Digests,
    Tags,
}

impl RegistriesConf {
    /// Adds an entry, which replaces an earlier one for the same prefix.
    pub(super) fn put(&mut self, entry: RegistryRule) {
        self.0.retain(|known| known.prefix != entry.prefix);
        self.0.push(entry);
    }

    /// Returns the repositories from which images of a repository may be read: mirrors first, its own last.
    pub(crate) fn sources(&self, repository: &Repository, by_digest: bool) -> Vec<Repository> {
        if self.0.is_empty() {
            return vec![repository.clone()];
        }
        let name = repository.to_string();
        let Some((entry, matched)) = self.find(&name) else { return vec![repository.clone()] };
        let rest = &name[matched..];
        let fits = |mirror: &&Mirror| match mirror.pulls {
            MirroredPulls::All => true,
            MirroredPulls::Digests => by_digest,
            MirroredPulls::Tags => !by_digest,
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

    /// Returns true if the certificate of a host is not verified, and plain http is used where it has no TLS.
    pub(crate) fn is_insecure(&self, host: &str) -> bool {
        let about = |entry: &RegistryRule| match entry.location.split('/').next().unwrap_or_default() {
            "" => matched(&format!("{host}/x"), entry.prefix.split('/').next().unwrap_or_default()).is_some(),
            location => location == host || entry.prefix.split('/').next() == Some(host),
        };
        self.0.iter().any(|entry| {
            let mirror = |mirror: &Mirror| mirror.insecure && mirror.location.split('/').next() == Some(host);
            (entry.insecure && about(entry)) || entry.mirrors.iter().any(mirror)
        })
    }

    /// Returns true if an entry leads elsewhere than to the host itself, for any of its repositories, or blocks one.
    pub(crate) fn changes(&self, host: &str) -> bool {
        self.0.iter().any(|entry| {
            let about = matched(&format!("{host}/x"), entry.prefix.split('/').next().unwrap_or_default()).is_some();
            let leads = !entry.location.is_empty() && entry.location != entry.prefix;
            about && (leads || entry.blocked || !entry.mirrors.is_empty())
        })
    }

    /// Returns the file that blocks a repository, if one does.
    pub(crate) fn blocked_by(&self, repository: &Repository) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let (entry, _) = self.find(&repository.to_string())?;
        entry.blocked.then_some(&*entry.file)
    }

    /// Returns the entry with the longest prefix of a name, and the length of the prefix in the name.
    fn find(&self, name: &str) -> Option<(&RegistryRule, usize)> {
        let found = self.0.iter().filter_map(|entry| Some((entry, matched(name, &entry.prefix)?)));
        found.max_by_key(|(entry, _)| entry.prefix.len())
    }
}

/// Returns how many bytes of a name a prefix covers, `None` if it does not end at the end of an element.
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
