//! Every way to get a pipeline wrong, as users read it.

use super::told;

#[test]
fn every_kind_of_mistake_is_told_at_once_and_in_order() {
    insta::assert_snapshot!(told(
        r#"
nane = "nightly"

[run]
transfers = 0
retries = -1
index = "rewrit"

[list]
use = "registry"
images = [{ frm = "quay.io/etcd" }, { from = 5, to = "x" }]

[[filter]]
use = "platform"
kep = ["linux/amd64"]

[[filter]]
use = "platfrm"

[[filter]]
use = "platform"
keep = ["linux", "linux/amd64", "windows", 5]
without = "dropp"
limit = 300

[[push]]
use = "oci-dir"
path = ""

[registries."quay.io"]
insecure = "yes"
usernam = "bot"
port = 65536

[registry]
x = 1
"#
    ));
}
