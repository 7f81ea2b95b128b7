//! The conformance suite of the OCI distribution specification, against `sealift serve --writable`.

use std::process::{Command, Stdio};

use sealift_e2e::program::until_said;
use sealift_testkit::program::find;

use crate::{folder, quick_dir};

/// What the specification leaves to the registry, and the suite therefore skips.
const ALLOWED: [&str; 2] = [
    // "a registry MAY … falls back to the standard upload process" where no source repository is named.
    "mount anonymous/blob-mount-anonymous",
    // RFC 9110: a range that ends before it begins is ignored.
    "range requests/range 500-0",
];

#[test]
fn serve_conforms_to_the_distribution_specification() {
    conforms(&[], "false");
}

#[test]
fn serve_that_takes_sparse_manifests_conforms_as_well() {
    conforms(&["--sparse"], "true");
}

/// Runs the suite against `serve --writable` with these flags.
fn conforms(flags: &[&str], sparse: &str) {
    let Some(suite) = find("conformance") else { return };
    let (folder, dir) = (folder(), quick_dir());
    let served = dir.path().join("served");
    let arguments = ["serve", "--writable", "--listen", "127.0.0.1:0", served.to_str().unwrap()];
    let mut server = folder.start(&[&arguments, flags].concat());
    let said = until_said(&mut server, "http://127.0.0.1:");
    let port = until_said(&mut server, "\n");
    let host = format!("127.0.0.1:{}", port.chars().take_while(char::is_ascii_digit).collect::<String>());
    let mut run = Command::new(suite);
    run.current_dir(folder.dir()).env_clear().env("HOME", folder.dir()).stdin(Stdio::null());
    // `dev` is version 1.1 with what 1.2 adds.
    run.envs([
        ("OCI_VERSION", "dev"),
        ("OCI_REGISTRY", &host),
        ("OCI_TLS", "disabled"),
        ("OCI_DATA_SPARSE", sparse),
        ("OCI_RESULTS_DIR", "results"),
    ]);
    let output = run.output();
    let _ = server.kill(); // it may have ended by itself
    let _ = server.wait();
    let output = output.unwrap();
    let told = format!("{said}\n{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{told}");

    let cases = folder.read("results/junit.xml");
    let cases: Vec<&str> = cases.split("<testcase ").skip(1).collect();
    assert!(cases.len() > 700, "the suite has more tests than {}", cases.len());
    for case in cases.iter().filter(|case| !case.contains("status=\"passed\"")) {
        assert!(case.contains("status=\"skipped\"") && ALLOWED.iter().any(|allowed| case.contains(allowed)), "{case}");
    }
    // Pull, push, content discovery, content management: each request of the specification is among these.
    let results = folder.read("results/results.yaml");
    let (_, apis) = results.split_once("\napis:\n").expect("the results of the API");
    let (apis, _) = apis.split_once("\ndata:\n").expect("the results of the data");
    for line in apis.lines() {
        assert!(line.ends_with(": Pass") || line == "  Blob anonymous mount: Skip", "{line}");
    }
    for api in
        ["Blob get", "Blob push", "Blob mount", "Manifest put with subject", "Tag listing", "Referrers", "Tag delete"]
    {
        assert!(apis.contains(&format!("  {api}: Pass")), "{api} is not in\n{apis}");
    }
}
