//! Standard input, which only another process can be given.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use sealift_core::{
    outlet::{Found, Outlet},
    plugin::{BuildContext, Purpose, StageConfig},
};
use sealift_source_files::{Kubernetes, Text};

#[test]
fn standard_input_is_read_once_for_all_pipelines() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "in_a_process_of_its_own"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"quay.io/a/b:1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
#[ignore = "runs in the process that the other test starts"]
async fn in_a_process_of_its_own() {
    let files = || vec!["-".to_owned()];
    for _ in 0..2 {
        let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
        let list = Text { exclude: Vec::new(), files: files() }.build(&cx).ok().unwrap();
        let (out, mut found) = Outlet::new(2);
        list.list(&out).await.unwrap();
        assert!(matches!(found.recv().await, Some(Found::Announced(..))));
        let Some(Found::Listing(listing)) = found.recv().await else { panic!("a listing was expected") };
        assert_eq!((listing.repository.to_string().as_str(), &*listing.rule), ("quay.io/a/b", "-:1"));
    }
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
    let other = Kubernetes { exclude: Vec::new(), paths: Vec::new(), files: files() }.build(&cx).err().unwrap();
    let told = &other.into_problems()[0].diagnostic.message;
    assert!(told.starts_with("these are lines of text"), "other lists see the same text: {told}");
}
