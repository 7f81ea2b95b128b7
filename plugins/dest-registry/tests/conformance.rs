//! The push of this crate keeps the rules that all pushes keep, at two registries.

use sealift_conformance::Given;
use sealift_dest_registry as _;
use sealift_serve::{ServeOptions, Server};
use sealift_source_registry as _;
use sealift_testkit::registry::Registry;

fn at(host: &str) -> Given {
    Given::new(format!("[[push]]\nuse = \"registry\"\nprefix = \"{host}/mirror\"\n"))
        .other_end("[fetch]\nuse = \"registry\"\n")
}

async fn served() -> Given {
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let options = ServeOptions::new(directory.path()).writable().throwaway();
    let server = Server::start(options).await.expect("the server starts");
    at(&server.host()).keep((server, directory))
}

mod our_own_registry {
    sealift_conformance::conformance!(push: super::served().await);
}

mod distribution {
    use super::{Given, Registry};

    /// None where `docker-registry` is not installed.
    fn given() -> Option<Given> {
        let registry = Registry::start()?;
        Some(super::at(&registry.host()).keep(registry))
    }

    sealift_conformance::conformance!(push: given());
}
