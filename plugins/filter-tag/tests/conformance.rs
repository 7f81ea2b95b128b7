//! The filters of this crate keep the rules that all filters keep.

use sealift_conformance::Given;
use sealift_filter_tag as _;

fn given(table: &str) -> Given {
    Given::new(format!("[[filter]]\n{table}\n"))
}

mod tag {
    sealift_conformance::conformance!(
        filter: super::given("use = \"tag\"\ninclude = [\"v*\", \"/^1/\"]\nexclude = [\"*-alpine\"]\nsemver = \">=1.9\"")
    );
}

mod newest {
    sealift_conformance::conformance!(filter: super::given("use = \"newest\"\nkeep = 3"));
}

mod newest_of_each_variant {
    sealift_conformance::conformance!(filter: super::given("use = \"newest\"\nkeep = 1\neach_variant = true"));
}

mod newest_by_time {
    sealift_conformance::conformance!(filter: super::given("use = \"newest\"\nkeep = 3\nby = \"time\""));
}

mod age {
    sealift_conformance::conformance!(filter: super::given("use = \"age\"\nat_least = \"7d\"\nat_most = \"9999d\""));
}
