//! What it counts is what the registries saw, to the last byte, also where requests had to be sent again.

use std::collections::BTreeMap;

use sealift_conformance::images::{Image, image};
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, End, Exchange, Fault, FaultRegistry},
};
use serde_json::{Value, json};

use crate::{counts, folder, report};

/// Bytes of the blobs of these images, by digest.
fn sizes(images: &[&Image]) -> BTreeMap<String, u64> {
    let blobs = images.iter().flat_map(|image| &image.blobs);
    blobs.map(|(item, bytes)| (item.digest.to_string(), bytes.len() as u64)).collect()
}

/// Requests by method, as the report names them.
fn by_method(registry: &FaultRegistry) -> BTreeMap<String, u64> {
    let mut methods = BTreeMap::new();
    for exchange in registry.journal().iter() {
        *methods.entry(exchange.method.to_lowercase()).or_default() += 1;
    }
    methods
}

/// The digest that was mounted from another repository. Whether a repository has a blob itself is asked in the same way.
fn mounted(exchange: &Exchange) -> Option<String> {
    let (path, query) = exchange.path.split_once("?mount=").filter(|_| exchange.status == Some(201))?;
    let (digest, from) = query.split_once("&from=")?;
    let is_other = !path.contains(&format!("/{from}/blobs/"));
    is_other.then(|| digest.replace("%3A", ":"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_what_the_registries_saw() {
    let (from, to) = (FaultRegistry::start().await, FaultRegistry::start().await);
    let source = Content::at(&from.url_behind());
    let base = "base".repeat(50_000);
    let [app, job, tool] = ["app", "job", "tool"].map(|own| image("linux/amd64", &[&base, &own.repeat(1000)]));
    source.put("shop/app", "v1", &app).await;
    source.put("shop/app", "v2", &tool).await;
    source.put("shop/job", "v1", &job).await;

    from.will(Fault::on("GET", "/shop/app/manifests/v1").first(2).act(Act::Say(Answer::status(503))));
    let told = Answer::status(429).header("retry-after", 1);
    from.will(Fault::on("GET", "/shop/job/manifests/").first(1).act(Act::Say(told)));
    to.will(Fault::on("PUT", "/m/job/manifests/v1").first(1).act(Act::Say(Answer::status(502))));
    to.will(Fault::on("PUT", "/m/job/blobs/uploads/").first(1).act(Act::CutRequest { after: 3, end: End::Reset }));

    let folder = folder();
    let (f, t) = (from.host(), to.host());
    folder.write("images.yaml", &format!("{f}/shop/app:v1,v2: {t}/m/app\n{f}/shop/job:v1: {t}/m/job\n"));
    let ran = tokio::task::block_in_place(|| {
        folder.run(&["sync", "--images", "images.yaml", "--report", "report.json"]).expect(0)
    });
    let report = report(&folder, "report.json");
    from.assert_all_fired();
    to.assert_all_fired();
    let seen = format!("{report:#}\n{}\n{}", from.journal(), to.journal());

    for registry in [&from, &to] {
        let counts = counts(&report, &registry.host());
        let methods = by_method(registry);
        assert_eq!(counts["requests"], methods.values().sum::<u64>(), "{seen}");
        for (method, count) in methods {
            assert_eq!(counts[&method], count, "{method}: {seen}");
        }
    }
    assert_eq!((&counts(&report, &f)["retries"], &counts(&report, &f)["throttled"]), (&json!(3), &json!(1)), "{seen}");
    assert_eq!(
        (&counts(&report, &t)["retries"], &counts(&report, &t)["throttled"]),
        (&json!(1), &Value::Null),
        "{seen}"
    );
    assert_eq!(report["restarts"], 1, "{seen}");

    let journal = to.journal();
    let sent: Vec<u64> =
        journal.of("PUT", "/blobs/uploads/").filter(|it| it.status == Some(201)).map(|it| it.received).collect();
    let moved = &report["moved"];
    assert_eq!((&moved["blobs"], &moved["bytes"]), (&json!(sent.len()), &json!(sent.iter().sum::<u64>())), "{seen}");
    let sizes = sizes(&[&app, &job, &tool]);
    let mounted: Vec<u64> = journal.iter().filter_map(mounted).map(|digest| sizes[&digest]).collect();
    assert_eq!((moved["mounted"].as_u64(), mounted.is_empty()), (Some(mounted.iter().sum()), false), "{seen}");
    let all = [&app, &job, &tool].map(|image| image.blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    let told = ["bytes", "mounted", "shared", "present"].map(|part| moved[part].as_u64().unwrap());
    assert_eq!(
        told.iter().sum::<u64>(),
        all.iter().sum::<u64>(),
        "each blob of each image is in one of the sums: {seen}"
    );
    assert!(ran.stderr.contains("3 copied"), "{}", ran.stderr);
}
