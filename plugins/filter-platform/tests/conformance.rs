//! The filter of this crate keeps the rules that all filters keep.

use sealift_conformance::Given;
use sealift_filter_platform as _;

mod keep {
    use super::Given;
    sealift_conformance::conformance!(
        filter: Given::new("[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\", \"linux/arm/v7\"]\n")
    );
}

mod os_and_arch {
    use super::Given;
    sealift_conformance::conformance!(
        filter: Given::new("[[filter]]\nuse = \"platform\"\nos = [\"linux\"]\narch = [\"arm64\"]\n")
    );
}
