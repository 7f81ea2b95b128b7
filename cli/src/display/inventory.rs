//! The images of a layout as a table.

use std::fmt::Write;

use sealift_core::text::message;
use sealift_oci_layout::{Gaps, Inventory, InventoryImage};
use serde::Serialize;

use super::words::{bytes, grouped, number};

/// Number of platforms that are named; more are only counted.
const PLATFORMS: usize = 3;

/// The inventory as JSON.
#[derive(Serialize)]
pub(crate) struct InventoryObject<'a> {
    event: &'static str,
    #[serde(flatten)]
    inventory: &'a Inventory,
    gaps: &'a Gaps,
}

impl<'a> InventoryObject<'a> {
    pub(crate) fn of(inventory: &'a Inventory, gaps: &'a Gaps) -> Self {
        Self { event: "inventory", inventory, gaps }
    }
}

/// Returns the images in the order of their names.
fn sorted(inventory: &Inventory) -> Vec<&InventoryImage> {
    let mut images: Vec<_> = inventory.images.iter().collect();
    images.sort_by(|one, two| one.name.cmp(&two.name));
    images
}

/// Returns the inventory as comma-separated values with a header (RFC 4180). Sizes are bytes.
pub(crate) fn csv(inventory: &Inventory) -> String {
    let quoted = |text: &str| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let mut text = "name,digest,platforms,size,own,referrers,missing,damaged,left_out,about,targets\r\n".to_owned();
    for image in sorted(inventory) {
        let InventoryImage { size, own, referrers, missing, damaged, left_out, .. } = image;
        let about = image.about.as_ref().map(ToString::to_string).unwrap_or_default();
        let (name, platforms, targets) = (quoted(&image.name), image.platforms.join(" "), image.targets.join(" "));
        let _ = write!(
            text,
            "{name},{},{},{size},{own},{referrers},{missing},{damaged},{left_out},{about},{}\r\n",
            image.digest,
            quoted(&platforms),
            quoted(&targets)
        );
    }
    text
}

/// Returns the inventory as text. `all` adds the destinations of the images, their whole digests, and tags that are about
/// an image.
pub(crate) fn text(inventory: &Inventory, all: bool) -> String {
    if inventory.images.is_empty() {
        return "no images\n".to_owned();
    }
    let (about, mut images): (Vec<_>, Vec<_>) = sorted(inventory).into_iter().partition(|image| image.about.is_some());
    let (tags, count) = (about.len() as u64, images.len() as u64);
    if all {
        images = sorted(inventory);
    }
    let mut rows = vec![["IMAGE", "PLATFORMS", "SIZE", "OWN", "DIGEST", ""].map(str::to_owned)];
    rows.extend(images.iter().map(|image| row(image, all)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let [name, platforms, size, own, digest, notes] = row;
        let [wide_name, wide_platforms, wide_size, wide_own, ..] = widths;
        let line = format!(
            "{name:<wide_name$}  {platforms:<wide_platforms$}  {size:>wide_size$}  {own:>wide_own$}  {digest}  {notes}"
        );
        let _ = writeln!(text, "{}", line.trim_end());
        if all && at > 0 {
            for target in &images[at - 1].targets {
                let _ = writeln!(text, "  → {}", message(target));
            }
        }
    }
    let (images, blobs) = (number(count, "image"), number(inventory.blobs, "blob"));
    let _ = writeln!(text, "\n{images} of {blobs}, {} in all", bytes(inventory.bytes));
    if tags > 0 && !all {
        let (are, them) = if tags == 1 { ("is about one of them", "it") } else { ("are about them", "these") };
        let _ = writeln!(text, "{} {are} (signature, attestation or SBOM): -v lists {them}", number(tags, "tag"));
    }
    text
}

fn row(image: &InventoryImage, whole: bool) -> [String; 6] {
    let platforms = match image.platforms.len() {
        0 => "-".to_owned(),
        few if few <= PLATFORMS => image.platforms.join(", "),
        many => format!("{} platforms", grouped(many as u64)),
    };
    let mut notes = Vec::new();
    for (count, word) in [
        (image.missing, "MISSING"),
        (image.damaged, "DAMAGED"),
        (image.left_out, "left out"),
        (image.referrers, "referring"),
    ] {
        if count > 0 {
            notes.push(format!("{} {word}", grouped(count)));
        }
    }
    let (name, digest) = match image.name.starts_with('@') {
        true => ("(no name)".to_owned(), image.digest.to_string()), // that is how to ask for it
        false if whole => (message(&image.name).into_owned(), image.digest.to_string()),
        false => {
            (message(&image.name).into_owned(), format!("{}:{}", image.digest.algorithm().name(), image.digest.short()))
        }
    };
    [name, platforms, bytes(image.size), bytes(image.own), digest, notes.join(", ")]
}

#[cfg(test)]
mod tests;
