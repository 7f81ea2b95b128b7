//! The auth and rule files of image-syncer, with positions.
