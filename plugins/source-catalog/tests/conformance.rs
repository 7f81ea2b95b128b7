//! The list of this crate keeps the rules that all lists keep.

use sealift_conformance::Given;
use sealift_dest_registry as _;
use sealift_serve::{ServeOptions, Server};
use sealift_source_catalog as _;
use sealift_testkit::registry::Registry;

const IMAGES: [&str; 5] = ["team/a:v1", "team/a:v2", "team/sub/b:v1", "team/c:v1", "other/d:v1"];

async fn at(host: &str) -> Given {
    let push = format!("[[push]]\nuse = \"registry\"\nprefix = \"{host}\"\n");
    Given::new(format!("[list]\nuse = \"catalog\"\nregistry = \"{host}/team\"\n")).filled(&push, &IMAGES).await
}

mod our_own_registry {
    use super::{Given, ServeOptions, Server, at};

    async fn given() -> Given {
        let directory = tempfile::tempdir().expect("there is a place for temporary files");
        let options = ServeOptions::new(directory.path()).writable().throwaway();
        let server = Server::start(options).await.expect("the server starts");
        at(&server.host()).await.keep((server, directory))
    }

    sealift_conformance::conformance!(list: given().await);
}

mod distribution {
    use super::{Given, Registry, at};

    /// None where `docker-registry` is not installed.
    async fn given() -> Option<Given> {
        let registry = Registry::start()?;
        Some(at(&registry.host()).await.keep(registry))
    }

    sealift_conformance::conformance!(list: given().await);
}
