//! Where Debian's distribution 2.8.2 does not do what distribution-spec 1.1 says, and why.
//!
//! The served registry follows the specification. Both answers are asserted, so that a newer `docker-registry` shows
//! up here as a failing test.

/// A question that the two answer differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    ChunkOutOfOrder,
    DeleteTag,
    ForeignLayer,
    ManifestTooLarge,
    NameInvalid,
    PagingOfTags,
    Referrers,
    SinglePost,
    Subject,
    ZeroTags,
}

/// What the specification wants and what the real one says; each a status.
pub(crate) struct Deviation {
    pub(crate) point: Point,
    pub(crate) served: u16,
    pub(crate) real: u16,
    #[expect(dead_code, reason = "it is for the reader")]
    pub(crate) why: &'static str,
}

const fn deviation(point: Point, served: u16, real: u16, why: &'static str) -> Deviation {
    Deviation { point, served, real, why }
}

pub(crate) const DEVIATIONS: &[Deviation] = &[
    deviation(Point::ChunkOutOfOrder, 416, 202, "it ignores `Content-Range` and appends whatever comes"),
    deviation(Point::DeleteTag, 202, 400, "it takes the reference of a DELETE for a digest: DIGEST_INVALID"),
    deviation(Point::ForeignLayer, 201, 500, "it wants `urls` that its configuration allows, and allows none"),
    deviation(Point::ManifestTooLarge, 413, 400, "it reads 4 MiB and calls the rest a broken manifest"),
    deviation(Point::NameInvalid, 400, 404, "capitals are fine for it, so the repository is only unknown"),
    deviation(Point::PagingOfTags, 2, 5, "it ignores `n` and `last`, and has no order"),
    deviation(Point::Referrers, 200, 404, "it is older than this part of the specification"),
    deviation(Point::SinglePost, 201, 202, "it throws the body away and opens a session"),
    deviation(Point::Subject, 1, 0, "it is older than this part of the specification"),
    deviation(Point::ZeroTags, 0, 5, "it ignores `n` and `last`"),
];

impl Point {
    pub(crate) fn deviation(self) -> &'static Deviation {
        DEVIATIONS.iter().find(|deviation| deviation.point == self).expect("every point is in the table")
    }
}
