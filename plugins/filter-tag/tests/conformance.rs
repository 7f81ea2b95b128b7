//! The filters of this crate keep the rules that all filters keep.

use sealift_filter_tag as _;
use sealift_testkit::conformance::Given;

fn given(table: &str) -> Given {
    Given::new(format!("[[filter]]\n{table}\n"))
}

mod tag {
    sealift_testkit::conformance!(
        filter: super::given("use = \"tag\"\ninclude = [\"v*\", \"/^1/\"]\nexclude = [\"*-alpine\"]\nsemver = \">=1.9\"")
    );
}

mod newest {
    sealift_testkit::conformance!(filter: super::given("use = \"newest\"\nkeep = 3"));
}

mod newest_of_each_variant {
    sealift_testkit::conformance!(filter: super::given("use = \"newest\"\nkeep = 1\neach_variant = true"));
}

mod newest_by_time {
    sealift_testkit::conformance!(filter: super::given("use = \"newest\"\nkeep = 3\nby = \"time\""));
}

mod age {
    sealift_testkit::conformance!(filter: super::given("use = \"age\"\nat_least = \"7d\"\nat_most = \"9999d\""));
}
