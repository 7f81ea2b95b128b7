//! What of a registry is listed.

use std::sync::Arc;

use sealift_conformance::images::image;
use sealift_core::{
    outlet::{Found, Outlet},
    plugin::{BuildContext, Purpose, StageConfig},
};
use sealift_serve::{ServeOptions, Server};
use sealift_source_catalog::Config;
use sealift_testkit::content::Content;

/// A registry with these images.
async fn registry(images: &[(&str, &str)]) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(ServeOptions::new(directory.path()).writable().throwaway()).await.unwrap();
    for (repository, tag) in images {
        Content::at(&server.url()).put(repository, tag, &image("linux/amd64", &[repository, tag])).await;
    }
    (server, directory)
}

/// Everything that is found, as lines.
async fn listed(config: Config) -> Vec<String> {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
    let list = config.build(&cx).ok().unwrap();
    let (out, mut found) = Outlet::new(100);
    let result = list.list(&out).await;
    drop(out);
    let mut lines = Vec::new();
    while let Some(found) = found.recv().await {
        lines.push(match found {
            Found::Nothing { why, .. } => format!("nothing: {why}"),
            Found::Announced(..) | Found::LeftOut(_) => continue,
            Found::Listing(listing) => {
                let tags: Vec<_> = listing.candidates.iter().map(|one| one.reference.to_string()).collect();
                format!("{}: {}", listing.repository.path(), tags.join(" "))
            }
            Found::Warning(message) => format!("warning: {message}"),
            Found::Refused(rule, error) => format!("refused: {rule}: {error}"),
            Found::Unusable(_, error) => format!("unusable: {error}"),
            Found::Failed(repository, error) => format!("{} failed: {error}", repository.path()),
        });
    }
    if let Err(error) = result {
        lines.push(format!("error: {error}"));
    }
    lines
}

fn config(registry: String, include: &[&str], exclude: &[&str]) -> Config {
    let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    Config { registry, include: texts(include), exclude: texts(exclude) }
}

const IMAGES: [(&str, &str); 5] =
    [("team/a", "v1"), ("team/a", "v2"), ("team/test-a", "v1"), ("team/sub/b", "v1"), ("other/c", "v1")];

#[tokio::test]
async fn the_whole_registry_or_what_is_wanted_of_it() {
    let (server, _directory) = registry(&IMAGES).await;
    let all = ["other/c: v1", "team/a: v1 v2", "team/sub/b: v1", "team/test-a: v1"];
    assert_eq!(listed(config(server.host(), &[], &[])).await, all);
    let team = listed(config(format!("{}/team", server.host()), &[], &["**/test-*"])).await;
    assert_eq!(team, ["team/a: v1 v2", "team/sub/b: v1"]);
    assert_eq!(listed(config(server.host(), &["*/a", "other/*"], &[])).await, ["other/c: v1", "team/a: v1 v2"]);
}

#[tokio::test]
async fn nothing_wanted_is_told_as_nothing() {
    let (server, _directory) = registry(&IMAGES[..1]).await;
    let host = server.host();
    let expected = format!("nothing: no repository in the catalog of `{host}` is wanted");
    assert_eq!(listed(config(host, &["none/**"], &[])).await, [expected]);
}

#[tokio::test]
async fn a_registry_that_is_not_there_fails_the_list() {
    let (server, _directory) = registry(&[]).await;
    let host = server.host();
    drop(server);
    let lines = listed(config(host.clone(), &[], &[])).await;
    assert!(lines[0].starts_with(&format!("error: cannot list the repositories of `{host}`: ")), "{lines:?}");
}
