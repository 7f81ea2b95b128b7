//! The distribution protocol: registries as Sealift sees them.
