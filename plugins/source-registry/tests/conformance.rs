//! The list and the fetch of this crate keep the rules that all of them keep.

use sealift_conformance::Given;
use sealift_dest_registry as _;
use sealift_serve::{ServeOptions, Server};
use sealift_source_registry as _;
use sealift_testkit::registry::Registry;

async fn server() -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let options = ServeOptions::new(directory.path()).writable().throwaway();
    (Server::start(options).await.expect("the server starts"), directory)
}

mod list {
    use super::{Given, server};

    async fn given() -> Given {
        let guard = server().await;
        let host = guard.0.host();
        let rules = format!("{host}/kit/a: h.io/a\n{host}/kit/b:/v/: [h.io/b, k.io/b]\n{host}/kit/c: h.io/c\n");
        let push = format!("[[push]]\nuse = \"registry\"\nprefix = \"{host}\"\n");
        let given = Given::new("[list]\nuse = \"registry\"\nrules = \"images.yaml\"\n").file("images.yaml", &rules);
        given.filled(&push, &["kit/a:v1", "kit/a:v2", "kit/b:v1", "kit/c:v1"]).await.keep(guard)
    }

    sealift_conformance::conformance!(list: given().await);
}

fn at(host: &str) -> Given {
    Given::new("[fetch]\nuse = \"registry\"\n")
        .other_end(format!("[[push]]\nuse = \"registry\"\nprefix = \"{host}/mirror\"\n"))
}

mod our_own_registry {
    use super::{Given, at, server};

    async fn given() -> Given {
        let guard = server().await;
        at(&guard.0.host()).keep(guard)
    }

    sealift_conformance::conformance!(fetch: given().await);
}

mod distribution {
    use super::{Given, Registry};

    /// None where `docker-registry` is not installed.
    fn given() -> Option<Given> {
        let registry = Registry::start()?;
        Some(super::at(&registry.host()).keep(registry))
    }

    sealift_conformance::conformance!(fetch: given());
}
