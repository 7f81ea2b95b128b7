//! Images and blobs that were removed from a directory, or would be.

use std::path::Path;

use sealift_core::text::message;
use sealift_oci_layout::Sweep;
use serde::Serialize;

use super::{
    Out,
    words::{bytes, number},
};
use crate::options::GlobalOptions;

/// What was removed, as JSON.
#[derive(Serialize)]
struct SweepObject<'a> {
    event: &'static str,
    dir: &'a Path,
    /// True if nothing was written.
    plan: bool,
    #[serde(flatten)]
    sweep: &'a Sweep,
}

/// Shows a sweep; with `plan` as one that was not made.
pub(crate) fn show(sweep: &Sweep, dir: &Path, plan: bool, out: &Out, global: &GlobalOptions) {
    if global.json {
        out.json(&SweepObject { event: "removed", dir, plan, sweep });
    } else if plan || !global.quiet {
        out.text(&text(sweep, dir, plan));
    }
}

fn text(sweep: &Sweep, dir: &Path, plan: bool) -> String {
    let verb = if plan { "would remove" } else { "removed" };
    let dir = dir.display();
    if sweep.is_empty() {
        return format!("{dir}: nothing to remove\n");
    }
    let mut text = String::new();
    for name in &sweep.images {
        text += &format!("{verb} {}\n", message(name));
    }
    for name in &sweep.forgotten {
        text += &format!("{} {}, which is not there\n", if plan { "would forget" } else { "forgot" }, message(name));
    }
    let mut parts = Vec::new();
    for (count, word) in [(sweep.images.len() as u64, "image"), (sweep.referrers, "referrer")] {
        if count > 0 {
            parts.push(number(count, word));
        }
    }
    if sweep.blobs > 0 || sweep.leftovers == 0 {
        parts.push(format!("{} ({})", number(sweep.blobs, "blob"), bytes(sweep.bytes)));
    }
    if sweep.leftovers > 0 {
        parts.push(format!("{} ({})", number(sweep.leftovers, "unfinished file"), bytes(sweep.leftover_bytes)));
    }
    text + &format!("{dir}: {verb} {}\n", parts.join(", "))
}
