//! The lists of this crate keep the rules that all lists keep.

use sealift_conformance::Given;
use sealift_source_files as _;

mod text {
    use super::Given;
    sealift_conformance::conformance!(
        list: Given::new("[list]\nuse = \"text\"\nfiles = [\"images.txt\"]\n")
            .file("images.txt", "nginx:1.27\nquay.io/a/b:v1\nnginx:1.26\nghcr.io/c/d\nnginx:1.27\n")
    );
}

mod kubernetes {
    use super::Given;
    sealift_conformance::conformance!(
        list: Given::new("[list]\nuse = \"kubernetes\"\nfiles = [\"manifests\"]\n")
            .file("manifests/a.yaml", "spec:\n  containers:\n    - image: nginx:1.27\n    - image: quay.io/a/b:v1\n")
            .file("manifests/b/b.yaml", "spec: {containers: [{image: ghcr.io/c/d:1}, {image: nginx:1.27}]}\n")
    );
}

mod compose {
    use super::Given;
    sealift_conformance::conformance!(
        list: Given::new("[list]\nuse = \"compose\"\nfiles = [\"compose.yaml\"]\n")
            .env("TAG", "1.27")
            .file(".env", "OTHER=v1\n")
            .file("compose.yaml", "services:\n  a: {image: 'nginx:${TAG}'}\n  b: {image: 'quay.io/a/b:$OTHER'}\n  c: {image: redis}\n")
    );
}
