//! The list and the fetch of this crate keep the rules that all of them keep.

use sealift_conformance::Given;
use sealift_dest_oci_dir as _;
use sealift_source_oci_dir as _;

mod fetch {
    use super::Given;

    // A run wants to see its directory from the start.
    async fn given() -> Given {
        let push = "[[push]]\nuse = \"oci-dir\"\npath = \"bundle\"\n";
        let given = Given::new("[fetch]\nuse = \"oci-dir\"\npath = \"bundle\"\n");
        given.filled(push, &["kit/a:v1"]).await.other_end(push)
    }

    sealift_conformance::conformance!(fetch: given().await);
}

mod list {
    use super::Given;

    async fn given() -> Given {
        let names = ["kit/a:v1", "kit/b:v1", "kit/a:v2", "kit/c:v1"];
        let given = Given::new("[list]\nuse = \"oci-dir\"\npath = \"bundle\"\n");
        given.filled("[[push]]\nuse = \"oci-dir\"\npath = \"bundle\"\n", &names).await
    }

    sealift_conformance::conformance!(list: given().await);
}
