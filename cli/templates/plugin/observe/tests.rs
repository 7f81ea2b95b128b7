use std::sync::Arc;

use sealift_core::{
    content::Digest,
    event::Event,
    job::{CopyStats, Outcome, Skip},
    observer::Observer,
    report::Report,
};

use super::Log;

fn finished() -> Event {
    let mut report = Report::default();
    report.name = "mirror".to_owned();
    report.copied = 3;
    Event::RunFinished {
        report: Arc::new(report),
    }
}

fn target_finished(outcome: Outcome) -> Event {
    Event::TargetFinished {
        job: 1,
        source: "quay.io/acme/app:1".parse().unwrap(),
        target: Some("registry.example.com/app:1".parse().unwrap()),
        push: "registry".into(),
        location: None,
        outcome,
        again: false,
    }
}

#[tokio::test]
async fn a_run_has_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("images.log");
    let log = Log { path: path.clone() };
    log.event(&Event::JobFinished { job: 1 }).await.unwrap();
    log.event(&finished()).await.unwrap();
    log.event(&finished()).await.unwrap();
    let expected = "mirror: 3 copied\nmirror: 3 copied\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
}

#[tokio::test]
async fn an_image_that_was_written_has_a_line_with_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("images.log");
    let log = Log { path: path.clone() };
    let mut copied = CopyStats::default();
    copied.bytes = 12;
    let event = target_finished(Outcome::Copied(copied));
    log.event(&event).await.unwrap();
    let expected = "quay.io/acme/app:1 registry.example.com/app:1 12\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
}

#[tokio::test]
async fn an_image_that_was_there_has_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("images.log");
    let log = Log { path: path.clone() };
    let digest = Digest::of(b"image");
    let event = target_finished(Outcome::Skipped(Skip::Present { digest }));
    log.event(&event).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_an_error_that_names_it() {
    // A directory is no file that can be written.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let log = Log { path: path.clone() };
    let error = log.event(&finished()).await.unwrap_err();
    let name = path.display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
}
