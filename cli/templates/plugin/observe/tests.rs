use std::sync::Arc;

use sealift_core::{event::Event, observer::Observer, report::Report};

use super::Log;

fn finished() -> Event {
    let report = Report {
        name: "mirror".to_owned(),
        copied: 3,
        ..Report::default()
    };
    Event::RunFinished {
        report: Arc::new(report),
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
async fn a_file_that_cannot_be_written_is_an_error_that_names_it() {
    let log = Log {
        path: "/nonexistent/images.log".into(),
    };
    let error = log.event(&finished()).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/"), "{error}");
}
