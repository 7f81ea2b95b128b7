//! What ends well with image-syncer ends well under `sync`, and what is wrong costs no more than itself.

use std::time::Duration;

use sealift_conformance::images::{Image, image, index};
use sealift_core::content::Digest;
use sealift_e2e::program::Folder;
use sealift_testkit::{
    content::Content,
    fault::{Act, Fault, FaultRegistry, Journal},
    registry::Registry,
};

use crate::{folder, open_sites};

fn app() -> Image {
    image("linux/amd64", &["app"])
}

/// Two open registries, the first of which has `lib/app` with the tags `v1` and `v2`.
async fn filled() -> Option<(Registry, Registry, Folder)> {
    let (from, to) = open_sites()?;
    for tag in ["v1", "v2"] {
        Content::at(&from.url()).put("lib/app", tag, &image("linux/amd64", &[tag])).await;
    }
    Some((from, to, folder()))
}

async fn there(to: &Registry, repository: &str, tag: &str) -> Option<Digest> {
    Content::at(&to.url()).digest(repository, tag).await
}

// One typo among two hundred rules, and nothing was mirrored until the mail was read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_a_file_costs_no_more_than_itself() {
    let Some((from, to, folder)) = filled().await else { return };
    let (f, t) = (from.host(), to.host());
    folder.write(
        "auth.yaml",
        "other.example.com: {username: '$OTHER', password: '${OTHER}', email: x}\n'*.example.com': {}\n",
    );
    folder.write(
        "images.yaml",
        &format!("{f}/lib/App:v1: {t}/m/x\n{f}/lib/app:v1: [{t}/m/app, '{t}/M/app']\n{f}/lib/app: {t}/m/one:x\n"),
    );
    let sync = ["sync", "--auth", "auth.yaml", "--images", "images.yaml"];
    let ran = folder.run(&sync).expect(1);
    assert!(there(&to, "m/app", "v1").await.is_some(), "{}", ran.all());
    for said in ["the rule at images.yaml:1", "the rule at images.yaml:2", "has 1 names and the source 2", "email"] {
        assert!(ran.stderr.contains(said), "{said} is not said:\n{}", ran.stderr);
    }
    // The plan says the same, `--strict` and a check of the pipeline refuse.
    folder.run(&[&sync[..], &["--plan"]].concat()).expect(1);
    folder.run(&[&sync[..], &["--strict"]].concat()).expect(2);
    folder.write("sync.toml", &folder.run(&[&sync[..], &["--print-pipeline"]].concat()).expect(0).stdout);
    folder.run(&["check", "sync.toml"]).expect(2);
    folder.run(&["run", "sync.toml"]).expect(1);
    // What is wrong with logins that no rule needs is a warning.
    folder.write("images.yaml", &format!("{f}/lib/app:v1: {t}/m/app\n"));
    folder.run(&sync).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_out_as_image_syncer_does() {
    let Some((from, to, folder)) = filled().await else { return };
    let folder = folder.var("REG", &to.host()).var("NS", "m");
    let (f, t) = (from.host(), to.host());
    folder.write(
        "images.json",
        &format!(
            r#"{{"{f}/lib/app:/^v1/": "$REG/$NS/stable:latest", "{f}/lib/app:/^v[\\x31&&]/": "{t}/m/same:/^v1/",
                "{f}/lib/app:v1": "$REG/m/app${{UNSET}}"}} and what stands behind"#
        ),
    );
    let ran = folder.run(&["sync", "--images", "images.json"]).expect(0);
    assert!(ran.stderr.contains("the environment variable `UNSET` is not set"), "{}", ran.stderr);
    for (repository, tag) in [("m/stable", "latest"), ("m/same", "v1"), ("m/app", "v1")] {
        assert!(there(&to, repository, tag).await.is_some(), "{repository}:{tag}");
    }
}

// Nothing was in the log after a good night, and programs that look for its last line found none.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_start_outcome_and_end_while_the_terminal_is_silent() {
    let Some((from, to, folder)) = filled().await else { return };
    folder.write("auth.yaml", "other.example.com: {email: x}\n");
    folder.write("images.yaml", &format!("{}/lib/app:v1: {}/m/app\n", from.host(), to.host()));
    let sync = ["sync", "--auth=auth.yaml", "--images=images.yaml", "--log=log", "--retries=0"];
    for outcome in ["copied", "up to date"] {
        let ran = folder.run(&sync).expect(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
        let log = folder.read("log");
        let last: Vec<_> = log.lines().rev().take_while(|line| !line.contains("msg=\"Start to synchronize")).collect();
        assert!(last[0].contains("level=info msg=\"Synchronization finished, 0 tasks failed, cost "), "{log}");
        assert!(last.iter().any(|line| line.contains(outcome)), "{log}");
        assert!(last.iter().any(|line| line.contains("level=warning") && line.contains("email")), "{log}");
        assert!(log.lines().all(|line| line.starts_with("time=\"20")), "{log}");
    }
    assert_eq!(folder.read("log").matches("Start to synchronize").count(), 2, "runs are told apart");
    // A failure is told in both places.
    folder.write("images.yaml", &format!("{}/lib/app:nope: {}/m/app\n", from.host(), to.host()));
    let ran = folder.run(&sync).expect(1);
    assert!(ran.stderr.contains("does not exist"), "{}", ran.stderr);
    let log = folder.read("log");
    assert!(log.lines().last().unwrap().contains("Synchronization finished, 1 tasks failed"), "{log}");
    assert!(log.contains("level=error"), "{log}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_costs_its_lines_only() {
    let Some((from, to, folder)) = filled().await else { return };
    folder.write("images.yaml", &format!("{}/lib/app:v1: {}/m/app\n", from.host(), to.host()));
    std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap();
    for (log, said) in [
        ("no/such/log", "no such file or directory"),
        (".", "is a directory"),
        // It waited for a reader for ever, without a word.
        ("pipe", "it is a pipe that nothing reads"),
        // Its lines were lost.
        ("/dev/full", "no space left on device"),
    ] {
        let ran = folder.run(&["sync", "--images=images.yaml", "--log", log]).expect(0);
        assert!(ran.stderr.contains(&format!("cannot write to `{log}`: {said}")), "{log}: {}", ran.stderr);
        assert!(ran.stderr.contains("m/app:v1") || ran.stderr.contains("up to date"), "{log}: {}", ran.stderr);
    }
    assert!(there(&to, "m/app", "v1").await.is_some());
    // A pipeline that was to have a log, and has none, did not do all that was asked.
    let (from, to) = (format!("{}/lib/app:v1", from.host()), format!("{}/m/other", to.host()));
    let copy = ["copy", from.as_str(), to.as_str(), "--log", "/dev/full"];
    let ran = folder.run(&copy).expect(1);
    assert!(ran.stderr.contains("cannot write to `/dev/full`"), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_success_list_may_go_to_stdout() {
    let Some((from, to, folder)) = filled().await else { return };
    folder.write("images.yaml", &format!("{}/lib/app: {}/m/app\n", from.host(), to.host()));
    let sync = ["sync", "--images=images.yaml", "--output-success-images"];
    let ran = folder.run(&[&sync[..], &["/dev/stdout", "--output-images-format=JSON"]].concat()).expect(0);
    let list: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(list.as_object().unwrap().len(), 2);
    // A folder that is missing costs the list, not the copies.
    folder.write("images.yaml", &format!("{}/lib/app:v1: {}/m/late\n", from.host(), to.host()));
    let ran = folder.run(&[&sync[..], &["no/such/list"]].concat()).expect(1);
    assert!(there(&to, "m/late", "v1").await.is_some(), "{}", ran.all());
    // It is told before anything is copied, and failed for at the end.
    let (told, copied) = (ran.stderr.find("warning: cannot write to `no/such/list`"), ran.stderr.find("copied"));
    assert!(told.is_some() && told < copied, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: cannot write to `no/such/list`"), "{}", ran.stderr);
}

/// How late every answer comes.
const LATE: Duration = Duration::from_millis(60);

/// Requests that were under way together, at most: none was answered before `LATE`.
fn at_once(journal: &Journal) -> usize {
    let came: Vec<_> = journal.iter().map(|exchange| exchange.at.unwrap()).collect();
    came.iter().map(|from| came.iter().filter(|at| *at >= from && **at < *from + LATE).count()).max().unwrap()
}

// Seen before: with `--proc 1`, by which image-syncer asks for one thing at a time, three requests came at once. And a
// list that was read ahead kept the only place from the copies that it waited for.
#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_one_request_at_a_time_at_each_registry() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    let whole = index(&[
        ("linux/amd64", &image("linux/amd64", &["shared", "amd64"])),
        ("linux/arm64", &image("linux/arm64", &["shared", "arm64"])),
        ("linux/s390x", &image("linux/s390x", &["shared", "s390x"])),
    ]);
    for (name, tag) in [("a", "v1"), ("b", "v1"), ("b", "v2"), ("c", "v1"), ("d", "v1")] {
        source.put(&format!("lib/{name}"), tag, &image("linux/amd64", &[name, tag])).await;
    }
    source.put("lib/whole", "v1", &whole).await;
    let (from, to) = (FaultRegistry::before(from.addr()).await, FaultRegistry::before(to.addr()).await);
    for site in [&from, &to] {
        site.will(Fault::on("*", "/v2/").from(1).act(Act::Late(LATE)));
    }
    let folder = folder();
    let rule = |name: &&str| format!("{0}/lib/{name}: {1}/m/{name}\n", from.host(), to.host());
    folder.write("images.yaml", &["a", "b", "c", "d", "whole"].iter().map(rule).collect::<String>());
    for (proc, most) in [("1", 1..=1), ("2", 2..=4)] {
        for tag in ["copied", "up to date"] {
            let ran = folder.run(&["sync", "--images=images.yaml", "--no-cache", "--proc", proc]).expect(0);
            for site in [&from, &to] {
                let journal = site.journal();
                assert!(most.contains(&at_once(&journal)), "--proc {proc}, {tag}:\n{}\n{journal}", ran.stderr);
                site.forget();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_flags_leave_what_image_syncer_leaves() {
    let Some((from, to, folder)) = filled().await else { return };
    let source = Content::at(&from.url());
    source.put("lib/arm", "v1", &image("linux/arm64", &["arm"])).await;
    let whole = index(&[("linux/amd64", &app()), ("unknown/unknown", &image("unknown/unknown", &["attestation"]))]);
    source.put("lib/attested", "v1", &whole).await;
    let (f, t) = (from.host(), to.host());
    folder.write("images.yaml", &format!("{f}/lib/arm:v1: {t}/m/arm\n{f}/lib/attested:v1: {t}/m/attested\n"));
    folder.run(&["sync", "--images=images.yaml", "--arch=amd64"]).expect(0);
    let target = Content::at(&to.url());
    assert_eq!(target.manifest("m/attested", "v1").await.unwrap().children().count(), 1);
    assert!(target.digest("m/arm", "v1").await.is_some(), "image-syncer does not look into single OCI images");
}
