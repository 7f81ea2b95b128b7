//! A disk on which single calls fail, wherever in a run they are.

use sealift_e2e::{
    crash::{self, Call, End, Strike},
    program::Ran,
};

use crate::{
    destination::{three_images, told_the_truth},
    scene::Scene,
};

/// The program of the scene, and its n-th call of these kinds in the bundle that strikes; none if it made fewer.
fn run_struck(scene: &Scene, kinds: &[Call], at: usize, strike: Strike) -> Option<Ran> {
    let (out, err) = (scene.folder.path("stdout"), scene.folder.path("stderr"));
    let mut command = scene.command();
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let (dir, kinds) = (scene.layout(), kinds.to_vec());
    // Whoever traces a thread is that thread for good.
    let traced = std::thread::spawn(move || crash::run(&mut command, &kinds, &dir, at, strike));
    let traced = tokio::task::block_in_place(|| traced.join().unwrap()).expect("a program can be traced here");
    let End::Exited(code) = traced.end else { panic!("nobody killed it: {traced:?}") };
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    (traced.calls >= at).then(|| Ran { code: Some(code), stdout: text(out), stderr: text(err) })
}

/// Some calls of each kind fail alone, spread over the whole run, and then all from one on.
#[tokio::test(flavor = "multi_thread")]
async fn case_54_any_call_that_fails_is_told_or_made_good() {
    for (kind, step) in
        [(Call::Write, 3), (Call::Sync, 4), (Call::Rename, 3), (Call::Create, 3), (Call::Open, 5), (Call::Close, 7)]
    {
        let mut struck = 0;
        for at in (1..).step_by(step) {
            let scene = three_images().await;
            let Some(ran) = run_struck(&scene, &[kind], at, Strike::Fail) else { break };
            // What was synced before is there to stay, so closing it may fail.
            let harmless = kind == Call::Close;
            assert_eq!(ran.code == Some(0), harmless, "{kind:?} {at}: {}", ran.all());
            told_the_truth(&scene, &ran, &format!("{kind:?} {at}"));
            struck += 1;
        }
        assert!(struck >= 4, "{kind:?} failed only {struck} times");
    }
    for kind in [Call::Write, Call::Sync, Call::Rename, Call::Create] {
        let scene = three_images().await;
        let ran = run_struck(&scene, &[kind], 3, Strike::FailFromThere).expect("there are more than three");
        assert_ne!(ran.code, Some(0), "{kind:?}: nothing lasts, and it says {}", ran.all());
        told_the_truth(&scene, &ran, &format!("{kind:?}"));
    }
}
