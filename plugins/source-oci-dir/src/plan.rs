//! The images to load and their names, determined before anything moves.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use sealift_core::{
    content::{ImageRef, Reference, Repository},
    error::{Error, ErrorKind, Result, Retry},
    job::{Candidate, Listing},
};
use sealift_oci_layout::{BrokenEntry, CatalogImage, ImageCatalog, Naming};

use crate::{
    select::{self, NamePattern},
    targets::{self, LoadTarget},
};

/// The images to load and their targets.
pub(crate) enum ImageSelection {
    /// All of some names.
    Some {
        /// Patterns for their names; empty for all images.
        include: Vec<NamePattern>,
        /// Their targets.
        to: LoadTarget,
    },
    /// These.
    Picks(Vec<Pick>),
}

impl ImageSelection {
    /// Returns true if an image of this name is wanted, or would be if it were there.
    pub(crate) fn names(&self, name: &str) -> bool {
        match self {
            Self::Some { include, .. } => {
                include.is_empty() || include.iter().any(|pattern| pattern.matches_name(name))
            }
            // The only image may not be the only one.
            Self::Picks(picks) => {
                picks.iter().any(|pick| pick.from.as_deref().is_none_or(|from| select::is_name(name, from)))
            }
        }
    }

    /// Returns true if all images are wanted.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self, Self::Some { include, .. } if include.is_empty())
    }

    /// Returns the registries of the targets; none if some of them are only known when the layout is read.
    pub(crate) fn registries(&self) -> Option<BTreeSet<String>> {
        match self {
            Self::Some { to: LoadTarget::Under { registry, .. }, .. } => Some(BTreeSet::from([registry.clone()])),
            Self::Some { to: LoadTarget::Recorded, .. } => None,
            Self::Picks(picks) if picks.iter().any(|pick| pick.to.is_empty()) => None,
            Self::Picks(picks) => {
                let targets = picks.iter().flat_map(|pick| &pick.to);
                targets.map(|target| Some(Repository::parse_prefix(target).ok()?.0.registry().to_owned())).collect()
            }
        }
    }
}

/// One image, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    /// Its name; none means the only image.
    pub(crate) from: Option<String>,
    /// The targets; empty for the recorded ones.
    pub(crate) to: Vec<String>,
}

/// The images to load.
#[derive(Debug)]
pub(crate) struct LoadPlan {
    pub(crate) listings: Vec<Listing>,
    pub(crate) warnings: Vec<String>,
    /// Images that were selected and cannot be copied.
    pub(crate) unusable: Vec<(Option<ImageRef>, Error)>,
    /// Patterns that no name is like.
    pub(crate) unused: Vec<String>,
}

/// An image that is wanted.
struct SelectedImage<'a> {
    image: &'a CatalogImage,
    source: ImageRef,
    targets: Vec<ImageRef>,
}

impl LoadPlan {
    /// Makes the list.
    ///
    /// # Errors
    /// If an image cannot be found or named, or two images claim one name.
    pub(crate) fn of(catalog: &ImageCatalog, wanted: &ImageSelection, path: &Path) -> Result<Self> {
        let mut warnings: Vec<String> = catalog.warnings().to_vec();
        let mut unusable = unusable(catalog, wanted, path, &mut warnings);
        let mut unused = Vec::new();
        let named = matches!(wanted, ImageSelection::Picks(_));
        let mut chosen = match wanted {
            ImageSelection::Some { include, to } => some(catalog, include, to, path, &mut unused, &mut unusable),
            ImageSelection::Picks(picks) => picked(catalog, picks)?,
        };
        follow_subjects(&mut chosen);
        let exclusive = claim(&mut chosen)?;
        for one in &chosen {
            if one.image.naming == Naming::Nothing && !one.targets.iter().any(|target| target.reference.tag().is_some())
            {
                warnings.push(format!("`{}` has no name in the layout, so it will have no tag either", one.image.name));
            }
        }
        Ok(Self { listings: listings(chosen, exclusive, named, path), warnings, unusable, unused })
    }
}

/// The error of an image that is asked for by name and of which the entry is damaged.
fn damaged(catalog: &ImageCatalog, name: Option<&str>) -> Option<Error> {
    let broken = catalog.broken().iter().find(|broken| name.is_some() && broken.name.as_deref() == name)?;
    Some(Error::new(ErrorKind::Corrupt, broken.to_string()).with_hint("bring `index.json` again, or stage again"))
}

/// Damaged entries that are wanted, or may be; those that are not are warned of. An index that lists nothing although
/// there are blobs is damaged as a whole.
fn unusable(
    catalog: &ImageCatalog,
    wanted: &ImageSelection,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Vec<(Option<ImageRef>, Error)> {
    let is_wanted = |broken: &BrokenEntry| match (wanted, &broken.name) {
        (_, Some(name)) => wanted.names(name),
        // Nothing tells which image it was.
        (ImageSelection::Some { .. }, None) => true,
        (ImageSelection::Picks(picks), None) => picks.iter().any(|pick| pick.from.is_none()),
    };
    let mut unusable = Vec::new();
    for broken in catalog.broken() {
        match is_wanted(broken) {
            true => {
                let error = Error::new(ErrorKind::Corrupt, broken.to_string()).with_retry(Retry::Never).with_hint(format!(
                    "`sealift verify {}` tells everything that is damaged; bring `index.json` again, or stage again",
                    path.display()
                ));
                unusable.push((broken.image(), error));
            }
            false => warnings.push(broken.to_string()),
        }
    }
    unusable
}

fn some<'a>(
    catalog: &'a ImageCatalog,
    include: &[NamePattern],
    to: &LoadTarget,
    path: &Path,
    unused: &mut Vec<String>,
    unusable: &mut Vec<(Option<ImageRef>, Error)>,
) -> Vec<SelectedImage<'a>> {
    let mut chosen: Vec<SelectedImage<'a>> = Vec::new();
    let mut used = vec![false; include.len()];
    let mut refuse = |image: &CatalogImage, problem: String| {
        let way = format!("`sealift copy oci-dir:{}:@{}", path.display(), image.entry.digest);
        let error = Error::new(ErrorKind::Conflict, problem).with_hint(format!("{way} HOST/REPOSITORY:TAG` loads it"));
        unusable.push((Some(image.source.clone()), error));
    };
    for image in catalog.images() {
        let mut is_wanted = include.is_empty();
        for (pattern, used) in include.iter().zip(&mut used) {
            if pattern.matches(image) {
                *used = true;
                is_wanted = true;
            }
        }
        if !is_wanted {
            continue;
        }
        if let Some(first) = catalog.find(&image.source).filter(|first| first.digest != image.entry.digest) {
            let (name, second) = (&image.name, &image.entry.digest);
            let first = &first.digest;
            refuse(image, format!("`{name}` is the name of two images: `{first}` and `{second}`"));
            chosen.retain(|one| one.source != image.source);
            continue;
        }
        match to.targets(image) {
            Ok(targets) => chosen.push(SelectedImage { image, source: image.source.clone(), targets }),
            Err(problem) => refuse(image, problem),
        }
    }
    for (pattern, _) in include.iter().zip(used).filter(|(_, used)| !used) {
        unused.push(pattern.text.clone());
    }
    chosen
}

fn picked<'a>(catalog: &'a ImageCatalog, picks: &[Pick]) -> Result<Vec<SelectedImage<'a>>> {
    let mut chosen: Vec<SelectedImage<'a>> = Vec::new();
    let mut problems = Problems::default();
    for pick in picks {
        let image = match select::one(catalog, pick.from.as_deref()) {
            Err(error) => return Err(damaged(catalog, pick.from.as_deref()).unwrap_or(error)),
            Ok(image) => image,
        };
        let mut targets = if pick.to.is_empty() { image.targets.clone() } else { Vec::new() };
        for text in &pick.to {
            match targets::one(text, &image.source.reference) {
                Ok(names) => targets.extend(names),
                Err(problem) => problems.add(problem),
            }
        }
        let is_first = catalog.find(&image.source).is_none_or(|first| first.digest == image.entry.digest);
        let source =
            if is_first { image.source.clone() } else { image.source.repository.with_digest(&image.entry.digest) };
        match chosen.iter_mut().find(|other| other.source == source) {
            Some(other) => other.targets.extend(targets),
            None => chosen.push(SelectedImage { image, source, targets }),
        }
    }
    problems.or(chosen, "a target is a full reference, such as `harbor.example.com/library/nginx:1.27`")
}

/// Sends cosign's tags, for which no targets are recorded, to where the images of their repository go.
fn follow_subjects(chosen: &mut [SelectedImage<'_>]) {
    let mut places: HashMap<Repository, Vec<Repository>> = HashMap::new();
    for one in chosen.iter().filter(|one| one.image.is_about().is_none()) {
        let places = places.entry(one.source.repository.clone()).or_default();
        for target in &one.targets {
            if !places.contains(&target.repository) {
                places.push(target.repository.clone());
            }
        }
    }
    for one in chosen.iter_mut().filter(|one| one.targets.is_empty() && one.image.is_about().is_some()) {
        if let (Some(places), Reference::Tag(tag)) = (places.get(&one.source.repository), &one.source.reference) {
            one.targets = places.iter().map(|place| place.with_tag(tag)).collect();
        }
    }
}

/// Gives every name to one image; returns true if no other listing can claim any of the names.
fn claim(chosen: &mut Vec<SelectedImage<'_>>) -> Result<bool> {
    let mut owners: HashMap<ImageRef, &CatalogImage> = HashMap::new();
    let mut problems = Problems::default();
    let mut all_have_targets = true;
    chosen.retain_mut(|one| {
        let image = one.image;
        let had_targets = !one.targets.is_empty();
        all_have_targets &= had_targets;
        one.targets.retain(|target| match owners.get(target) {
            None => {
                owners.insert(target.clone(), image);
                true
            }
            Some(first) => {
                if first.entry.digest != image.entry.digest {
                    problems.add(format!("`{}` and `{}` would both become `{target}`", first.name, image.name));
                }
                false // or it is the same image under another name
            }
        });
        !had_targets || !one.targets.is_empty()
    });
    problems.or((), "load them one after the other, with `include` and different prefixes in `to`")?;
    let sources = chosen.iter().map(|one| (&one.source, one.image));
    Ok(all_have_targets
        && last_parts_differ(owners.iter().map(|(name, image)| (name, *image)))
        && last_parts_differ(sources))
}

/// A destination that flattens paths keeps their last parts; if those differ, so do its names.
fn last_parts_differ<'a>(mut names: impl Iterator<Item = (&'a ImageRef, &'a CatalogImage)>) -> bool {
    let mut seen = HashMap::new();
    names.all(|(name, image)| {
        let digest = &image.entry.digest;
        *seen.entry((name.repository.path().rsplit('/').next(), &name.reference)).or_insert(digest) == digest
    })
}

/// One listing for each repository, in the order of their names; signatures last.
fn listings(chosen: Vec<SelectedImage<'_>>, exclusive: bool, named: bool, path: &Path) -> Vec<Listing> {
    let mut by_repository: BTreeMap<Repository, Vec<SelectedImage<'_>>> = BTreeMap::new();
    for one in chosen {
        by_repository.entry(one.source.repository.clone()).or_default().push(one);
    }
    let listing = |(repository, mut all): (Repository, Vec<SelectedImage<'_>>)| {
        all.sort_by_cached_key(|one| (one.image.is_about().is_some(), one.source.reference.clone()));
        let rule = format!("`{repository}` in `{}`", path.display());
        let candidates = all
            .into_iter()
            .map(|one| Candidate { targets: one.targets, named, ..Candidate::new(one.source.reference) })
            .collect();
        Listing { exclusive, must_yield: false, ..Listing::new(repository, candidates, rule) }
    };
    by_repository.into_iter().map(listing).collect()
}

/// The conflicts: the first few, and the number of the others.
#[derive(Default)]
struct Problems {
    first: Vec<String>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: String) {
        match self.first.len() < 3 {
            true => self.first.push(problem),
            false => self.more += 1,
        }
    }

    fn or<T>(self, value: T, hint: &'static str) -> Result<T> {
        if self.first.is_empty() {
            return Ok(value);
        }
        let mut message = self.first.join("; ");
        if self.more > 0 {
            message.push_str(&format!("; and {} more like this", self.more));
        }
        Err(Error::new(ErrorKind::Conflict, message).with_hint(hint))
    }
}
