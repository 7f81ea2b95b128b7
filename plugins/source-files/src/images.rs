//! From names in files to listings.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sealift_core::{
    async_trait,
    content::{FullReference, ImageRef, ReferenceError, ReferenceSuffix, Repository},
    diagnostic::{Diagnostic, Location},
    error::{Error, ErrorKind, Result},
    job::{Candidate, Listing},
    outlet::Outlet,
    plugin::BuildContext,
    stage::List,
};

/// An image that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) image: FullReference,
    /// True if it has neither tag nor digest.
    pub(crate) is_bare: bool,
    pub(crate) place: Location,
}

impl Mention {
    /// Reads a name.
    ///
    /// # Errors
    /// If it names no image.
    pub(crate) fn parse(text: &str, place: impl FnOnce() -> Location) -> Result<Self, ReferenceError> {
        let image = FullReference::parse_or_latest(text)?;
        let is_bare = matches!(Repository::parse_prefix(text), Ok((_, ReferenceSuffix::None)));
        Ok(Self { image, is_bare, place: place() })
    }
}

/// Lists the images that were found in files.
pub(crate) struct Images {
    listings: Vec<Listing>,
    /// Files that the user named and that name no image.
    empty: Vec<Arc<str>>,
    /// What may name an image and cannot be read, with its place.
    left_out: Vec<String>,
}

impl Images {
    /// Makes listings: one a repository, in the order in which they are named, each image once. What was guessed is said.
    pub(crate) fn new(mentions: Vec<Mention>, cx: &BuildContext<'_>) -> Self {
        let mut listings: Vec<Listing> = Vec::new();
        let mut at: HashMap<Repository, usize> = HashMap::new();
        let mut seen: HashMap<FullReference, Vec<Location>> = HashMap::new();
        let mut repeated: Vec<FullReference> = Vec::new();
        let mut bare = Vec::new();
        for Mention { image, is_bare, place } in mentions {
            let label = label(&place);
            let places = seen.entry(image.clone()).or_default();
            places.push(place.clone());
            if places.len() > 1 {
                if places.len() == 2 {
                    repeated.push(image);
                }
                continue;
            }
            if is_bare {
                bare.push((image.image.clone(), place));
            }
            let FullReference { image: ImageRef { repository, reference: version }, beside } = image;
            let index = *at.entry(repository.clone()).or_insert_with(|| {
                // A filter by name chooses among the images of a file; it is a mistake only if it leaves nothing at all.
                listings.push(Listing { must_yield: false, ..Listing::new(repository, Vec::new(), label) });
                listings.len() - 1
            });
            listings[index].candidates.push(Candidate { beside, ..Candidate::named(version) });
        }
        tell_bare(&bare, cx);
        tell_repeated(&repeated, &seen, cx);
        Self { listings, empty: Vec::new(), left_out: Vec::new() }
    }

    /// The same with files that name no image.
    pub(crate) fn and_nothing_in(self, empty: Vec<Arc<str>>) -> Self {
        Self { empty, ..self }
    }

    /// The same beside something that cannot be read.
    pub(crate) fn and_left_out(self, left_out: Vec<String>) -> Self {
        Self { left_out, ..self }
    }
}

pub(crate) fn label(place: &Location) -> Arc<str> {
    format!("{}:{}", place.file, place.line).into()
}

/// Names at most this many of something.
const NAMED: usize = 3;

fn tell_bare(bare: &[(ImageRef, Location)], cx: &BuildContext<'_>) {
    let Some((first, place)) = bare.first() else { return };
    let message = match bare.len() {
        1 => format!("`{}` has no tag, so `latest` is copied", first.repository),
        count => format!("{count} images have no tag, so `latest` is copied"),
    };
    let mut warning = Diagnostic::warning(message).at(place.clone());
    for (image, place) in bare.iter().skip(1).take(NAMED) {
        warning = warning.note(format!("also `{}` in {}", image.repository, label(place)));
    }
    cx.warn(and_more(warning, bare.len().saturating_sub(1 + NAMED)));
}

fn tell_repeated(repeated: &[FullReference], seen: &HashMap<FullReference, Vec<Location>>, cx: &BuildContext<'_>) {
    let Some(first) = repeated.first() else { return };
    let message = match repeated.len() {
        1 => format!("`{first}` is named {} times and copied once", seen[first].len()),
        count => format!("{count} images are named several times and copied once each"),
    };
    let mut warning = Diagnostic::warning(message).at(seen[first][1].clone());
    for image in repeated.iter().take(NAMED) {
        let places: Vec<String> = seen[image].iter().take(NAMED).map(|place| label(place).to_string()).collect();
        let more = if seen[image].len() > NAMED { ", …" } else { "" };
        warning = warning.note(format!("`{image}` in {}{more}", places.join(", ")));
    }
    cx.warn(and_more(warning, repeated.len().saturating_sub(NAMED)));
}

fn and_more(warning: Diagnostic, more: usize) -> Diagnostic {
    if more == 0 { warning } else { warning.note(format!("and {more} more")) }
}

#[async_trait]
impl List for Images {
    async fn list(&self, out: &Outlet) -> Result<()> {
        for file in &self.empty {
            out.nothing(Arc::clone(file), None, format!("`{file}` names no image")).await?;
        }
        for what in &self.left_out {
            out.left_out(what).await?;
        }
        out.send_all(&self.listings).await
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let listing = self.listings.iter().find(|listing| listing.repository == *repository);
        let unknown = || Error::new(ErrorKind::Bug, format!("`{repository}` is in none of the files"));
        out.send(listing.ok_or_else(unknown)?.clone()).await
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        let named = || self.listings.iter().map(|listing| listing.repository.registry().to_owned()).collect();
        // What cannot be read may be at any registry.
        self.left_out.is_empty().then(named)
    }
}

#[cfg(test)]
mod tests;
