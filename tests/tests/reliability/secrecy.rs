//! Group D: that nothing secret comes out, whatever fails and however much is logged.

use sealift_testkit::{
    fault::{Act, Answer, Fault, FaultRegistry},
    images::image,
};

use crate::scene::Scene;

/// Four images that fail in ways which have secrets close by: a signed URL that is refused, an upload to a signed URL
/// that is refused, a token that is not taken, bytes that are wrong.
async fn failing() -> (Scene, FaultRegistry) {
    let mut scene = Scene::new().await;
    let mut layers = Vec::new();
    for name in ["signed", "upload", "token", "rotten"] {
        let image = image("linux/amd64", &[&format!("the layer of {name}").repeat(100)]);
        layers.push(format!("/shop/{name}/blobs/{}", image.blobs[1].0.digest));
        scene.wants(&format!("shop/{name}"), "v1", &image).await;
    }
    let store = FaultRegistry::start().await;
    let signed = format!("{}/bucket/x?X-Amz-Signature={}", store.url(), scene.canaries.signature);
    scene.from.will(Fault::on("GET", &layers[0]).act(Act::redirect(&signed)));
    let page = |status: u16| Act::Say(Answer::status(status).body(format!("<html>{signed}</html>")));
    store.will(Fault::on("GET", "/bucket/").act(page(501)));
    scene.to.will(Fault::on("POST", "/shop/upload/").act(Act::Say(Answer::status(202).header("location", &signed))));
    store.will(Fault::on("PUT", "/bucket/").act(page(403)));
    let challenge = format!("Bearer realm=\"{}/token\",service=\"fault\",error=\"invalid_token\"", scene.from.url());
    scene
        .from
        .will(Fault::on("*", "/shop/token/").act(Act::Say(Answer::status(401).header("www-authenticate", challenge))));
    scene.from.will(Fault::on("GET", &layers[3]).act(Act::Flip { at: 10 }));
    (scene, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_no_secret_comes_out_of_failures_at_any_level_of_log() {
    for flags in [&["-q"][..], &["-vv"], &["-vvv", "--json"]] {
        let (scene, store) = failing().await;
        scene.write_pipeline("");
        let arguments = [&["run", "scene.toml"], flags].concat();
        let ran = tokio::task::block_in_place(|| scene.folder.run(&arguments)).expect(1);
        for registry in [&scene.from, &scene.to, &store] {
            registry.assert_all_fired();
        }
        let shown = scene.from.journal();
        let secret = format!("Bearer {}", scene.canaries.token);
        assert!(shown.iter().any(|asked| asked.header("authorization") == Some(&secret)), "the secrets were there");
        scene.canaries.assert_absent(&format!("stdout {flags:?}"), &ran.stdout);
        scene.canaries.assert_absent(&format!("stderr {flags:?}"), &ran.stderr);
        assert!(!ran.stderr.is_empty() || !ran.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_no_secret_is_in_the_files_that_a_failing_run_leaves() {
    let (scene, _store) = failing().await;
    let ran = scene.run().expect(1);
    assert_eq!(crate::scene::report(&ran)["failed"], 4, "{}", ran.all());
    // It looks into every file of the folder, the log at its finest among them.
    scene.assert_invariants(&ran);
}
