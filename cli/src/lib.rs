//! The command line of Sealift.
