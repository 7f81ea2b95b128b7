//! Rules against a real registry.

use std::sync::Arc;

use sealift_core::{
    content::{ImageRef, Manifest, well_known},
    error::ErrorKind,
    job::Listing,
    outlet::{Found, Outlet},
    plugin::{BuildContext, ConfigError, Purpose, StageConfig},
    stage::{List, Push, PutManifest},
};
use sealift_image_syncer::Dialect;
use sealift_registry_client::{Registries, RegistryPush, TargetNaming};
use sealift_serve::access::RequestKind;
use sealift_testkit::registry::Registry;

use crate::{ListConfig, RuleConfig};

fn cx() -> BuildContext<'static> {
    BuildContext::new(Arc::new(|_| None), ".", Purpose::Run)
}

async fn fill(registry: &Registry, names: &[&str]) {
    let push = RegistryPush::new(cx().section::<Registries>().unwrap().client(), TargetNaming::Targets);
    let bytes = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let manifest = Manifest::parse(&bytes[..], &well_known::OCI_INDEX).unwrap();
    for name in names {
        let at: ImageRef = format!("{}/{name}", registry.host()).parse().unwrap();
        push.put_manifest(&PutManifest::named(&at, &manifest)).await.unwrap();
    }
    registry.reset();
}

fn list(registry: &Registry, rules: &[(&str, &[&str])]) -> Box<dyn List> {
    let wanted = |(from, to): &(&str, &[&str])| RuleConfig {
        from: format!("{}/{from}", registry.host()),
        to: to.iter().map(|to| (*to).to_owned()).collect(),
    };
    let config = ListConfig { images: Some(rules.iter().map(wanted).collect()), ..ListConfig::default() };
    config.build(&cx()).unwrap()
}

/// What came out: listings as `rule: versions`, and the rest in words.
async fn collect(run: impl AsyncFnOnce(&Outlet) -> sealift_core::error::Result<()>) -> Vec<String> {
    let (outlet, mut found) = Outlet::new(100);
    run(&outlet).await.unwrap();
    drop(outlet);
    let mut all = Vec::new();
    while let Some(one) = found.recv().await {
        all.push(match one {
            Found::Announced(..) | Found::LeftOut(_) => continue,
            Found::Listing(listing) => shown(&listing),
            Found::Refused(rule, error) => format!("refused: {rule}: {error}"),
            Found::Warning(text) => format!("warning: {text}"),
            Found::Unusable(_, error) => format!("unusable: {error}"),
            Found::Nothing { why, .. } => format!("nothing: {why}"),
            Found::Failed(repository, error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound);
                format!("failed: {}", repository.path())
            }
        });
    }
    all
}

fn shown(listing: &Listing) -> String {
    let versions: Vec<_> = listing.candidates.iter().map(|candidate| candidate.reference.to_string()).collect();
    format!("{}: {}", listing.rule, versions.join(" "))
}

#[tokio::test]
async fn rules_come_out_in_their_order_and_nothing_is_asked_twice() {
    let Some(registry) = Registry::start() else { return };
    fill(&registry, &["a/b:v1", "a/b:v2", "a/b:x", "c:v9"]).await;
    let rules: &[(&str, &[&str])] = &[
        ("a/b:/^v/", &["h.io/one"]),
        ("named:t2,t1", &["h.io/two"]),
        ("a/b", &["h.io/three"]),
        ("c", &[]),
        ("a/b:/x/", &["h.io/four"]),
    ];
    let list = list(&registry, rules);
    let found = collect(async |out| list.list(out).await).await;
    assert_eq!(found, ["images[0]: v1 v2", "images[1]: t2 t1", "images[2]: v1 v2 x", "images[3]: v9", "images[4]: x"]);
    let requests = registry.requests();
    assert_eq!((requests.count("GET", RequestKind::Tags), requests.total()), (2, 2), "{requests}");
}

// A dozen rules of a host that never answers stood first, and the others waited until it was given up.
#[tokio::test]
async fn a_registry_that_is_silent_holds_up_its_own_rules_only() {
    let Some(registry) = Registry::start() else { return };
    fill(&registry, &["a:v1", "b:v1"]).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let rule = |from: String| RuleConfig { from, to: Vec::new() };
    let mut images: Vec<_> = (0..12).map(|number| rule(format!("{silent}/slow/{number}"))).collect();
    images.extend(["a", "b"].map(|path| rule(format!("{}/{path}", registry.host()))));
    images.push(rule(format!("{silent}/named:v1")));
    let list: Box<dyn List> = ListConfig { images: Some(images), ..ListConfig::default() }.build(&cx()).unwrap();
    let (outlet, mut found) = Outlet::new(100);
    let listing = tokio::spawn(async move { list.list(&outlet).await });
    let mut shown_first = Vec::new();
    while shown_first.len() < 3 {
        let one = tokio::time::timeout(std::time::Duration::from_secs(20), found.recv()).await.expect("they wait");
        if let Some(Found::Listing(listing)) = one {
            shown_first.push(shown(&listing));
        }
    }
    assert_eq!(shown_first, ["images[12]: v1", "images[13]: v1", "images[14]: v1"]);
    listing.abort();
}

#[tokio::test]
async fn named_versions_cost_no_request() {
    let Some(registry) = Registry::start() else { return };
    let digest = format!("a@sha256:{}", "0".repeat(64));
    let list = list(&registry, &[("a:v1", &["h.io/a"]), (&digest, &["h.io/b"])]);
    assert_eq!(collect(async |out| list.list(out).await).await.len(), 2);
    assert_eq!(registry.requests().total(), 0);
}

#[tokio::test]
async fn a_repository_that_fails_is_told_once_and_can_be_listed_again() {
    let Some(registry) = Registry::start() else { return };
    fill(&registry, &["good:v1"]).await;
    let list = list(&registry, &[("late:/^v/", &[]), ("good", &[]), ("late", &[]), ("late:named", &[])]);
    let found = collect(async |out| list.list(out).await).await;
    assert_eq!(found, ["failed: late", "images[1]: v1", "images[3]: named"]);
    let repository = format!("{}/late", registry.host()).parse().unwrap();
    let (outlet, _found) = Outlet::new(10);
    assert_eq!(list.list_repository(&repository, &outlet).await.unwrap_err().kind(), ErrorKind::NotFound);
    fill(&registry, &["late:v1", "late:x"]).await;
    let again = collect(async |out| list.list_repository(&repository, out).await).await;
    assert_eq!(again, ["images[0]: v1", "images[2]: v1 x"], "named versions did not fail");
    assert_eq!(registry.requests().count("GET", RequestKind::Tags), 1);
}

#[tokio::test]
async fn a_rule_that_finds_nothing_is_told_as_nothing() {
    let Some(registry) = Registry::start() else { return };
    fill(&registry, &["a:v1"]).await;
    let list = list(&registry, &[("a:/^nope/", &["h.io/a"])]);
    let found = collect(async |out| list.list(out).await).await;
    assert_eq!(found, [format!("nothing: `{}/a:/^nope/` matches none of its tags (images[0])", registry.host())]);
}

/// A list of the rules in a file that is read as image-syncer reads it.
fn list_of_file(text: &str, purpose: Purpose) -> Result<Box<dyn List>, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("images.yaml"), text).unwrap();
    let cx = BuildContext::new(Arc::new(|_| None), dir.path(), purpose);
    let rules = Some("images.yaml".to_owned());
    ListConfig { rules, dialect: Dialect::ImageSyncer, ..ListConfig::default() }.build(&cx)
}

// One typo among two hundred rules stopped the whole night.
#[tokio::test]
async fn in_the_dialect_of_image_syncer_a_wrong_rule_fails_and_the_others_run() {
    let text = "q.io/App:v1: h.io/a\nq.io/b:v1,: [h.io/b, 'h.io/B']\n";
    let list = list_of_file(text, Purpose::Run).unwrap();
    let found = collect(async |out| list.list(out).await).await;
    let heads: Vec<_> = found.iter().map(|line| line.split(" is ").next().unwrap()).collect();
    assert_eq!(
        heads,
        [
            "refused: images.yaml:1: the source `q.io/App:v1`",
            "refused: images.yaml:2: the source `q.io/b:v1,` has an empty tag in its list",
            "refused: images.yaml:2: the destination `h.io/B`",
            "images.yaml:2: v1",
        ]
    );
    assert!(list_of_file(text, Purpose::Check).is_err(), "a check refuses");
}

#[tokio::test]
async fn in_the_dialect_of_image_syncer_names_are_counted_after_listing() {
    let Some(registry) = Registry::start() else { return };
    fill(&registry, &["a:v1", "a:v2", "a:x"]).await;
    let host = registry.host();
    let text = format!(
        "{host}/a:/x/: h.io/one:stable\n{host}/a:/^v/: h.io/two:p,q\n{host}/a: [h.io/three, 'h.io/four:x']\n{host}/a:/^nope/: h.io/five:x\n{host}/a:/^v2/: 'h.io/six:/^v2/'\n"
    );
    let list = list_of_file(&text, Purpose::Run).unwrap();
    let found = collect(async |out| list.list(out).await).await;
    let heads: Vec<_> = found.iter().map(|line| line.split(": the destination").next().unwrap()).collect();
    assert_eq!(
        heads,
        [
            "images.yaml:1: x",
            "images.yaml:2: v1 v2",
            &format!("refused: images.yaml:3: `{host}/a` → `h.io/four:x`"),
            "images.yaml:3: v1 v2 x",
            &format!("refused: images.yaml:4: `{host}/a:/^nope/` → `h.io/five:x`"),
            "images.yaml:5: v2",
        ]
    );
}

#[tokio::test]
async fn nobody_wants_more_ends_the_listing() {
    let Some(registry) = Registry::start() else { return };
    let list = list(&registry, &[("a:v1", &[]), ("b:v1", &[])]);
    let (outlet, found) = Outlet::new(1);
    drop(found);
    assert!(list.list(&outlet).await.unwrap_err().is_cancelled());
}

#[test]
fn both_kinds_are_linked() {
    let kinds: Vec<_> =
        sealift_core::plugin::plugins().iter().map(|plugin| (plugin.role().name(), plugin.summary())).collect();
    assert!(kinds.contains(&("list", "Lists what image-syncer rules name in registries.".to_owned())), "{kinds:?}");
    assert!(kinds.iter().any(|(role, _)| *role == "fetch"), "{kinds:?}");
}
