//! The filter of this crate keeps the rules that all filters keep.

use sealift_filter_platform as _;
use sealift_testkit::conformance::Given;

mod keep {
    use super::Given;
    sealift_testkit::conformance!(
        filter: Given::new("[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\", \"linux/arm/v7\"]\n")
    );
}

mod os_and_arch {
    use super::Given;
    sealift_testkit::conformance!(
        filter: Given::new("[[filter]]\nuse = \"platform\"\nos = [\"linux\"]\narch = [\"arm64\"]\n")
    );
}
