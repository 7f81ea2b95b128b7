//! Killed right before each call in turn that makes something lasting, a stage leaves a layout, and the next one goes on.
//!
//! This is the exhaustive sibling of `crashing`, which kills at random moments.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use sealift_core::content::Digest;
use sealift_e2e::{
    crash::{self, Call, End, Strike},
    program::Folder,
};
use sealift_oci_layout::{Layout, REF_NAME};
use sealift_serve::access::RequestKind;
use sealift_testkit::{program::skopeo_ok, registry::Registry};

use crate::{carry, folder, judged, shop};

/// Blobs of the three images of the shop: configs and layers, each once.
const BLOBS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_is_killed_at_any_sync_or_rename_goes_on_where_it_was() {
    sweep(&[Call::Sync, Call::Rename], 1, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_is_killed_at_a_write_or_a_new_file_goes_on_where_it_was() {
    sweep(&[Call::Write, Call::Create], 5, 30).await;
}

/// Kills a stage at every `step`-th call of these kinds until one comes to its end. It must have made `least` of them.
async fn sweep(kinds: &[Call], step: usize, least: usize) {
    let Some(from) = Registry::start() else { return };
    shop(&from).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{0}/shop/app: h.io/app\n{0}/shop/tool: h.io/tool\n", from.host()));
    for at in (1..).step_by(step) {
        let dir = folder.path(&format!("at-{at}"));
        let name = dir.file_name().unwrap().to_str().unwrap();
        let stage = ["stage", "--images", "images.yaml", "--to", name, "--quiet"];
        from.reset();
        let traced = {
            let mut command = folder.command(&stage);
            let (kinds, dir) = (kinds.to_vec(), dir.clone());
            tokio::task::spawn_blocking(move || crash::run(&mut command, &kinds, &dir, at, Strike::Kill)).await.unwrap()
        };
        let traced = traced.expect("a program can be traced here");
        match traced.end {
            End::Killed => assert_eq!(traced.calls, at),
            End::Exited(code) => {
                assert_eq!(code, 0, "nobody killed it, so it came to its end");
                assert!(traced.calls < at && at >= least, "it made {} calls", traced.calls);
                assert_eq!(judged(&dir).await.len(), 3);
                return;
            }
        }
        survived(&dir).await;
        goes_on(&folder, &from, &dir, &stage).await;
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

// Between `index.json` and `.sealift/staged` a kill left a layout that `verify` called damaged, and the same command did
// not mend it.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_is_killed_at_any_rename_is_done_by_the_same_command() {
    let Some(from) = Registry::start() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "whole"]).expect(0);
    for verb in [&["rm", "bundle", &v2][..], &["stage", "--exact", &v1, "--to", "bundle"]] {
        for at in 1.. {
            let dir = carry(&folder.path("whole"), folder.path("bundle"));
            let traced = {
                let (mut command, dir) = (folder.command(verb), dir.clone());
                let run = move || crash::run(&mut command, &[Call::Rename], &dir, at, Strike::Kill);
                tokio::task::spawn_blocking(run).await.unwrap()
            };
            let is_over = traced.expect("a program can be traced here").end != End::Killed;
            if verb[0] == "rm" {
                folder.run(&["verify", "bundle"]).expect(0);
            }
            let again = folder.run(verb);
            assert!(again.code == Some(0) || (verb[0] == "rm" && again.code == Some(2)), "{at}: {}", again.all());
            folder.run(&["verify", "bundle"]).expect(0);
            assert_eq!(judged(&dir).await.into_keys().collect::<Vec<_>>(), [v1.as_str()], "{verb:?} {at}");
            std::fs::remove_dir_all(&dir).unwrap();
            if is_over {
                assert!(at > 3, "it made {at} renames");
                break;
            }
        }
    }
}

/// What stands is a layout, as others see it too, and everything that it lists is whole.
async fn survived(dir: &Path) {
    if !dir.join("oci-layout").exists() || !dir.join("index.json").exists() {
        let whole = blobs(dir).iter().filter(|name| !name.starts_with('.')).count();
        assert_eq!(whole, 0, "blobs come after the files that make it a layout");
        return;
    }
    judged(dir).await;
    for entry in Layout::open(dir).await.unwrap().entries() {
        let reference = format!("oci:{}:{}", dir.display(), entry.annotations[REF_NAME]);
        let Some(raw) = skopeo_ok(&["inspect", "--raw", &reference]) else { return };
        assert!(entry.digest.matches(raw.as_bytes()), "{reference}");
    }
}

/// The same command again brings what is missing, nothing else, and leaves nothing half-written behind.
async fn goes_on(folder: &Folder, from: &Registry, dir: &Path, stage: &[&str]) {
    let there: HashSet<String> = blobs(dir).into_iter().filter(|name| !name.starts_with('.')).collect();
    for name in &there {
        let bytes = std::fs::read(dir.join("blobs/sha256").join(name)).unwrap();
        assert_eq!(&Digest::of(&bytes).hex(), name, "what is not what its name says is not visible");
    }
    folder.run(stage).expect(0);
    assert_eq!(judged(dir).await.len(), 3);
    assert_eq!(blobs(dir).iter().filter(|name| name.starts_with('.')).count(), 0, "nothing half-written stays");

    // Counted over both runs, because a registry writes down late what a killed client asked for.
    let mut read: HashMap<String, usize> = HashMap::new();
    for request in from.requests().iter().filter(|request| request.kind() == RequestKind::Blob) {
        *read.entry(request.path.rsplit(':').next().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(read.len(), BLOBS, "{read:?}");
    for (blob, times) in read {
        assert!(times <= if there.contains(&blob) { 1 } else { 2 }, "{blob} was read {times} times");
    }
}

fn blobs(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("blobs/sha256")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
