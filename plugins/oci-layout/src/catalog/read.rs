//! Reading the list of images.

use std::{collections::HashSet, pin::Pin};

use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Links, Manifest, MediaType, Tag},
    error::{ErrorKind, Result},
};

use super::{
    CatalogImage, ImageCatalog, Naming,
    naming::{Namer, ResolvedName},
    reachable::below,
};
use crate::{
    blocking::blocking,
    index::BrokenEntry,
    layout::Layout,
    name::{CONTAINERD_NAME, REF_NAME, SOURCE, TARGETS, entry_name},
};

/// Indexes of indexes go this deep at most; real ones have one or two levels.
const DEPTH: usize = 8;

impl ImageCatalog {
    /// Reads which images a layout has. Manifests are read only for entries that have no name.
    ///
    /// What cannot be read here is listed by its digest, so that it fails where it is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](sealift_core::error::ErrorKind::Storage) if the directory has no path any more.
    pub async fn read(layout: &Layout) -> Result<Self> {
        let path = layout.path().to_owned();
        // `.` and links have names of their own only when they are followed.
        let real = blocking(move || Ok(std::fs::canonicalize(&path).unwrap_or(path))).await?;
        let directory = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let namer = Namer::new(directory.strip_suffix(".tar").unwrap_or(&directory));
        let mut reader = CatalogReader {
            layout,
            namer,
            catalog: Self::default(),
            nameless: 0,
            attached: Vec::new(),
            seen: HashSet::new(),
        };
        reader.catalog.broken = layout.broken_entries();
        if layout.lacks_marker() {
            let warning = format!("`{}` has no file `oci-layout`; it is read all the same", layout.path().display());
            reader.catalog.warnings.push(warning);
        }
        reader.entries(layout.entries(), 0).await;
        reader.attach().await;
        if reader.nameless > 0 {
            reader.drop_what_belongs_to_others().await;
        }
        let mut catalog = reader.catalog;
        catalog.tell_names_of_two();
        catalog.relate_tags(layout).await;
        catalog.tell_unattached(layout).await;
        Ok(catalog)
    }
}

impl ImageCatalog {
    /// Warns of names under which the index lists different images: each tool takes another one.
    fn tell_names_of_two(&mut self) {
        for image in &self.images {
            let Some(first) = self.by_source.get(&image.source) else { continue };
            if first.digest != image.entry.digest {
                let (name, first, second) = (&image.name, &first.digest, &image.entry.digest);
                self.warnings.push(format!("`{name}` is the name of two images: `{first}` and `{second}`"));
            }
        }
    }
}

impl ImageCatalog {
    /// Warns of entries that refer to what no image here has: they go nowhere.
    async fn tell_unattached(&mut self, layout: &Layout) {
        let mut roots: Vec<Descriptor> = self.images.iter().map(|image| image.entry.clone()).collect();
        let known: HashSet<&Digest> = roots.iter().map(|root| &root.digest).collect();
        if self.referrer_entries().all(|(subject, _)| known.contains(subject)) {
            return; // no index has to be read
        }
        roots.extend(self.fallbacks.iter().map(|(_, index)| index.clone()));
        let here = below(layout, roots, |digest| self.referrers(digest)).await.all;
        let path = layout.path().display();
        let told = self.referrer_entries().filter(|(subject, _)| !here.contains(subject)).map(|(subject, entry)| {
            let digest = &entry.digest;
            let removal = match layout.path().is_file() {
                true => String::new(),
                false => format!("; `sealift rm {path} @{digest}` removes it"),
            };
            format!(
                "`{digest}` refers to `{subject}`, which no image in `{path}` has, so nothing takes it along{removal}"
            )
        });
        let told: Vec<String> = told.collect();
        self.warnings.extend(told);
    }
}

struct CatalogReader<'a> {
    layout: &'a Layout,
    namer: Namer,
    catalog: ImageCatalog,
    nameless: usize,
    /// Entries of hauler that belong to the image of their name, with the suffix of cosign's tag for such.
    attached: Vec<(Descriptor, &'static str)>,
    seen: HashSet<(ImageRef, Digest)>,
}

impl CatalogReader<'_> {
    fn entries(&mut self, entries: Vec<Descriptor>, depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            for entry in entries {
                if !entry.media_type.is_empty() && !entry.media_type.is_manifest() {
                    self.other(&entry).await;
                } else if let Some(suffix) = attachment(&entry) {
                    self.attached.push((entry, suffix));
                } else if entry_name(&entry).is_some() {
                    self.named(entry).await;
                } else {
                    self.nameless(entry, depth).await;
                }
            }
        })
    }

    /// Looks at an entry that says that it is no manifest. A layout may have such, and they are let be; but a damaged
    /// entry may say so as well.
    async fn other(&mut self, entry: &Descriptor) {
        let Descriptor { media_type, digest, size, .. } = entry;
        let media_type = media_type.as_str().escape_debug();
        let anything = Descriptor::new(MediaType::default(), digest.clone(), *size);
        let why = match self.layout.manifest(&anything).await {
            Ok(_) => format!("it says that `{digest}` is a `{media_type}`, and that is a manifest"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                format!("it says that `{digest}` is a `{media_type}`, and there is no such file")
            }
            Err(_) => return self.catalog.warnings.push(format!("`{digest}` is a `{media_type}`, which is no image")),
        };
        self.broken(entry, why);
    }

    fn broken(&mut self, entry: &Descriptor, why: String) {
        let text = serde_json::to_string(entry).unwrap_or_default();
        let name = entry_name(entry).map(str::to_owned);
        self.catalog.broken.push(BrokenEntry::because(name, why, &text));
    }

    /// Says what is wrong with names that this program wrote: it always writes both, and the one is made of the other.
    fn check_names(&mut self, entry: &Descriptor) {
        let get = |key| entry.annotations.get(key).map(String::as_str);
        if get(SOURCE).is_none() {
            return;
        }
        match (get(REF_NAME), get(CONTAINERD_NAME)) {
            (Some(short), Some(full)) => {
                let by_digest = short.rsplit_once('@').is_some_and(|(before, _)| full.starts_with(before));
                let as_tag = full.strip_suffix(short).is_some_and(|before| before.ends_with(':'));
                if short != full && !as_tag && !by_digest {
                    self.broken(
                        entry,
                        format!("its names `{}` and `{}` do not agree", full.escape_debug(), short.escape_debug()),
                    );
                }
            }
            (_, full) => {
                let key = if full.is_none() { CONTAINERD_NAME } else { REF_NAME };
                self.broken(entry, format!("it has no `{key}`"));
            }
        }
    }

    async fn named(&mut self, entry: Descriptor) {
        self.check_names(&entry);
        let called = self.namer.call(&entry);
        if let Some(name) = &called.unusable {
            self.catalog.warnings.push(format!("`{name}` is no image reference; it goes by its digest"));
            self.nameless += 1;
        }
        // Signatures may have a digest as their name, unless that digest was requested as a source.
        let by_digest = called.source.reference.digest().is_some() && !entry.annotations.contains_key(SOURCE);
        if by_digest
            && let Ok(manifest) = self.layout.manifest(&entry).await
            && self.note_referrer(&entry, &manifest)
        {
            return;
        }
        self.add(called, entry);
    }

    /// Notes a manifest that has a subject as a referrer of it; returns false if it has none.
    fn note_referrer(&mut self, entry: &Descriptor, manifest: &Manifest) -> bool {
        let Some(subject) = manifest.subject() else { return false };
        let referrers = self.catalog.referrers.entry(subject.digest.clone()).or_default();
        if referrers.iter().all(|known| known.digest != entry.digest) {
            referrers.push(manifest.referrer_descriptor());
        }
        true
    }

    async fn nameless(&mut self, entry: Descriptor, depth: usize) {
        // Unreadable manifests are listed as images.
        if let Ok(manifest) = self.layout.manifest(&entry).await {
            if self.note_referrer(&entry, &manifest) {
                return;
            }
            if let Links::Index(children) = manifest.links()
                && depth < DEPTH
                && children.iter().any(|child| entry_name(child).is_some())
            {
                let named = children.iter().filter(|child| entry_name(child).is_some()).cloned().collect();
                return self.entries(named, depth + 1).await;
            }
        }
        let called = self.namer.call(&entry);
        self.nameless += 1;
        self.add(called, entry);
    }

    /// Adds what hauler keeps under the name of the image that it belongs to: referrers by their subject, signatures under
    /// the tag that cosign gives them.
    async fn attach(&mut self) {
        for (entry, suffix) in std::mem::take(&mut self.attached) {
            let manifest = self.layout.manifest(&entry).await;
            if manifest.is_ok_and(|manifest| self.note_referrer(&entry, &manifest)) {
                continue;
            }
            let name = entry_name(&entry).unwrap_or_default().to_owned();
            let of = self.catalog.images.iter().find(|image| image.name == name);
            let tag = of.and_then(|image| {
                let (algorithm, hex) = (image.entry.digest.algorithm().name(), image.entry.digest.hex());
                let tag: Tag = format!("{algorithm}-{hex}.{suffix}").parse().ok()?;
                Some((image.source.repository.with_tag(&tag), image.naming))
            });
            match tag {
                Some((source, naming)) if !suffix.is_empty() => {
                    let called = ResolvedName { name: source.to_string(), source, naming, unusable: None };
                    self.add(called, entry);
                }
                _ => {
                    let name = name.escape_debug();
                    let digest = &entry.digest;
                    self.catalog
                        .warnings
                        .push(format!("`{digest}` belongs to `{name}` and cannot be told how; it is left out"));
                }
            }
        }
    }

    fn add(&mut self, called: ResolvedName, entry: Descriptor) {
        let ResolvedName { name, source, naming, .. } = called;
        if !self.seen.insert((source.clone(), entry.digest.clone())) {
            return; // the same once more
        }
        self.catalog.by_source.entry(source.clone()).or_insert_with(|| entry.clone());
        let fallback = source.reference.tag().filter(|tag| !tag.contains('.'));
        match fallback.and_then(Tag::referenced_digest) {
            Some(subject) => self.catalog.fallbacks.push((subject, entry)),
            _ => {
                let targets = self.targets(&entry);
                self.catalog.images.push(CatalogImage { name, source, naming, entry, targets, belongs_to: Vec::new() });
            }
        }
    }

    fn targets(&mut self, entry: &Descriptor) -> Vec<ImageRef> {
        let text = entry.annotations.get(TARGETS).map(String::as_str).unwrap_or_default();
        let mut targets = Vec::new();
        for word in text.split_ascii_whitespace() {
            match word.parse() {
                Ok(target) => targets.push(target),
                Err(error) => {
                    let word = word.escape_debug();
                    self.broken(entry, format!("it shall go to `{word}`, which is no place: {error}"));
                }
            }
        }
        targets
    }

    /// Some tools list the children of an index beside it, and what has a name once more without it.
    async fn drop_what_belongs_to_others(&mut self) {
        let images = &self.catalog.images;
        let named = images.iter().filter(|image| image.naming != Naming::Nothing);
        let mut taken: HashSet<Digest> = named.map(|image| image.entry.digest.clone()).collect();
        let roots = images.iter().map(|image| &image.entry);
        let roots = roots.chain(self.catalog.referrer_entries().map(|(_, entry)| entry)).cloned().collect();
        taken.extend(below(self.layout, roots, |_| &[]).await.children);
        let belongs = |image: &CatalogImage| image.naming == Naming::Nothing && taken.contains(&image.entry.digest);
        self.catalog.images.retain(|image| !belongs(image));
    }
}

/// Returns the suffix of cosign's tag for an entry that hauler marks as belonging to an image; an empty one for what has no
/// such tag.
fn attachment(entry: &Descriptor) -> Option<&'static str> {
    let kind = entry.annotations.get("kind")?;
    let kind = kind.strip_prefix("dev.cosignproject.cosign/").or_else(|| kind.strip_prefix("dev.hauler/"))?;
    match kind {
        "sigs" => Some("sig"),
        "atts" => Some("att"),
        "sboms" => Some("sbom"),
        other if other.starts_with("referrers") => Some(""),
        _ => None,
    }
}
