//! The projects of a simulated Harbor, as a seed plans them and as they stand.

use std::collections::BTreeMap;

/// The properties of a Harbor.
#[derive(Clone, Debug)]
pub(crate) struct HarborPlan {
    /// The project of the pipeline is there at the beginning.
    pub(crate) has_project: bool,
    /// The bytes that its quota leaves at the beginning.
    pub(crate) room: Option<u64>,
    /// The login may read projects, not only push to them.
    pub(crate) may_read: bool,
}

/// The projects of a Harbor, with the quota of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct HarborProjects(pub(crate) BTreeMap<String, Option<u64>>);
