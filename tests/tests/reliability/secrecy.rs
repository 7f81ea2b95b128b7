//! Group D: that nothing secret comes out, whatever fails and however much is logged.

use sealift_conformance::images::image;
use sealift_testkit::{
    canary::Canaries,
    fault::{Act, Answer, Fault, FaultRegistry},
};

use crate::scene::Scene;

/// Five images that fail in ways which have secrets close by: a signed URL that is refused, an upload to a signed URL
/// that is refused, a token that is not taken, bytes that are wrong, a registry that repeats what it was sent.
async fn failing() -> (Scene, FaultRegistry) {
    let mut scene = Scene::new().await;
    let mut layers = Vec::new();
    for name in ["signed", "upload", "token", "rotten", "echo"] {
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
    let sent = format!("`Bearer {}` may not follow {signed}", scene.canaries.token);
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{sent}"}}]}}"#);
    scene.from.will(Fault::on("GET", "/shop/echo/").act(Act::Say(Answer::status(403).json(&body))));
    (scene, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_no_secret_comes_out_of_failures_at_any_level_of_log() {
    for flags in [&["-q"][..], &[], &["-v"], &["-vv"], &["-vvv", "--json"]] {
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
    assert_eq!(crate::scene::report(&ran)["failed"], 5, "{}", ran.all());
    // It looks into every file of the folder, the log at its finest among them.
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_a_token_service_that_repeats_the_login_is_not_quoted_with_it() {
    let mut scene = Scene::new().await;
    scene.wants("shop/app", "v1", &image("linux/amd64", &["a layer"])).await;
    let (plain, encoded) = (scene.canaries.password.clone(), scene.canaries.login("miner"));
    let said = format!(r#"{{"details":"miner:{plain} is wrong, sent as Basic {encoded}"}}"#);
    scene.from.will(Fault::on("GET", "/token").act(Act::Say(Answer::status(401).json(&said))));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    assert!(ran.all().contains("miner:[secret] is wrong"), "{}", ran.all());
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_an_identity_token_is_as_secret_as_a_password() {
    let mut scene = Scene::new().await;
    scene.wants("shop/app", "v1", &image("linux/amd64", &["a layer"])).await;
    let (host, token) = (scene.from.host(), scene.canaries.identity_token.clone());
    let said = format!(r#"{{"error":"invalid_grant","error_description":"{token}: {}"}}"#, Canaries::in_urls(&token));
    scene.from.will(Fault::on("POST", "/token").act(Act::Say(Answer::status(400).json(&said))));
    let logins = format!(r#"{{"auths":{{"{host}":{{"auth":"PHRva2VuPjp4","identitytoken":"{token}"}}}}}}"#);
    scene.folder.write(".docker/config.json", &logins);
    scene.write_pipeline("");
    let pipeline = std::fs::read_to_string(scene.folder.path("scene.toml")).unwrap();
    let login = format!("[registries.\"{host}\"]\nusername = \"miner\"\npassword = {{ env = \"CANARY\" }}\n");
    assert!(pipeline.contains(&login));
    scene.folder.write("other.toml", &pipeline.replace(&login, ""));
    let words = ["run", "other.toml", "--json", "-vvv", "--log", "run.log", "--report", "report.json"];
    let ran = tokio::task::block_in_place(|| scene.folder.run(&words)).expect(1);
    scene.from.assert_all_fired();
    assert!(ran.all().contains("[secret]: [secret]"), "{}", ran.all());
    std::fs::remove_file(scene.folder.path(".docker/config.json")).unwrap(); // the user's own, which may hold it
    scene.assert_no_secret(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_73_a_plugin_that_panics_with_its_configuration_tells_no_secret() {
    let mut scene = Scene::new().await;
    scene.wants("shop/app", "v1", &image("linux/amd64", &["a layer"])).await;
    let (password, env) = (scene.canaries.password.clone(), "{ env = \"CANARY\" }");
    let filter = format!("\n[[filter]]\nuse = \"talkative\"\npassword = \"{password}\"\nother = {env}\n");
    for flags in [&["-q"][..], &[], &["-vvv", "--json"]] {
        scene.write_pipeline(&filter);
        let arguments = [&["run", "scene.toml"], flags].concat();
        let ran = tokio::task::block_in_place(|| scene.folder.run(&arguments)).expect(1);
        assert!(ran.all().contains("talkative"), "it is named: {}", ran.all());
        scene.canaries.assert_absent(&format!("stdout {flags:?}"), &ran.stdout);
        scene.canaries.assert_absent(&format!("stderr {flags:?}"), &ran.stderr);
    }
}
