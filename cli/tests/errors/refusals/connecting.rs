//! What can go wrong on the way to a registry: names, ports, proxies, certificates.

use rcgen::{CertificateParams, KeyPair};
use sealift_serve::{ServeOptions, Server, Tls};
use sealift_testkit::fault::{Act, Answer, End, Fault, FaultRegistry};

use super::scene::Scene;
use crate::case;

pub(super) async fn told() -> String {
    let scenes = vec![
        Scene::new("nobody listens").image("127.0.0.1:1/shop/app:v1"),
        Scene::new("it hangs up each time").from(Fault::on("*", "/manifests/").act(Act::HangUp(End::Reset))),
        Scene::new("a proxy that is not there")
            .variable("HTTPS_PROXY", "http://127.0.0.1:1")
            .image("registry.example.com/shop/app:v1"),
        Scene::new("a proxy that is none")
            .variable("HTTPS_PROXY", "ftp://proxy.example.com")
            .image("registry.example.com/shop/app:v1"),
    ];
    let mut told = vec![Scene::told(scenes).await, proxy().await];
    told.push(untrusted("a certificate that nobody knows", |_| {}).await);
    told.push(untrusted("a certificate for another name", |it| it.subject_alt_names.clear()).await);
    told.push(untrusted("a certificate that ran out", |it| it.not_after = rcgen::date_time_ymd(2020, 1, 1)).await);
    told.join("\n")
}

/// A proxy that wants a login.
async fn proxy() -> String {
    let proxy = FaultRegistry::start().await;
    proxy.will(Fault::on("CONNECT", "").act(Act::Say(Answer::status(407))));
    let scene = Scene::new("a proxy that wants a login").image("registry.example.com/shop/app:v1");
    Scene::told(vec![scene.variable("HTTPS_PROXY", &proxy.url())]).await
}

/// A registry whose certificate is not what it should be; it is named as the CA where that is not the point.
async fn untrusted(name: &str, spoil: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "other.example.com".to_owned()]).unwrap();
    let before = params.clone();
    spoil(&mut params);
    let known = before != params;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tls = Tls { certificate: keys.path().join("server.pem"), key: keys.path().join("server.key") };
    std::fs::write(&tls.certificate, &certificate).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    let server = Server::start(ServeOptions::new(dir.path()).writable().throwaway().tls(tls)).await.unwrap();
    let ca = if known { "ca_file = \"ca.pem\"\n" } else { "" };
    let pipeline = format!(
        "[run]\nretries = 0\n[list]\nuse = \"registry\"\nimages = [{{ from = \"FROM/shop/app:v1\", to = [\"FROM/m/app\"] }}]\n\
         [registries.\"FROM\"]\n{ca}"
    );
    let files = vec![("p.toml", pipeline), ("ca.pem", certificate)];
    let said = case::run_between(&[("FROM", server.host())], files, Vec::new(), "run p.toml --quiet").await;
    format!("## {name}\n{said}")
}
