//! The push of this crate keeps the rules that all pushes keep.

use sealift_conformance::Given;
use sealift_dest_oci_dir as _;
use sealift_source_oci_dir as _;

sealift_conformance::conformance!(
    push: Given::new("[[push]]\nuse = \"oci-dir\"\npath = \"bundle\"\n")
        .other_end("[fetch]\nuse = \"oci-dir\"\npath = \"bundle\"\n")
);
