//! The push of this crate keeps the rules that all pushes keep, at Harbor's double.

use sealift_conformance::Given;
use sealift_dest_harbor as _;
use sealift_source_registry as _;
use sealift_testkit::harbor::{ADMIN, Harbor};

/// None where there is no registry to stand behind the double.
async fn given() -> Option<Given> {
    let harbor = Harbor::start().await?;
    harbor.add_project("mirror");
    let (host, (name, password)) = (harbor.host(), ADMIN);
    let login = format!("[registries.\"{host}\"]\nusername = \"{name}\"\npassword = \"{password}\"\n");
    let push = format!("[[push]]\nuse = \"harbor\"\nprefix = \"{host}/mirror\"\n\n{login}");
    Some(Given::new(push).other_end(format!("[fetch]\nuse = \"registry\"\n\n{login}")).keep(harbor))
}

sealift_conformance::conformance!(push: given().await);
