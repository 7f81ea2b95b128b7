use sealift_core::schemars::Schema;
use serde_json::Value;

use super::*;
use crate::display::script;

const PROGRAM: Program = Program { name: "acme", version: "1.2.3", is_image_syncer: false, has_flags: false };

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/report.schema.json");

/// The published schema of the file.
fn schema() -> Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<ReportDocument<'static>>()
}

fn written(report: &Report) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    ReportFile::new(&path, PROGRAM).unwrap().write(report, false).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let schema = text(&schema());
    if std::env::var_os("SEALIFT_WRITE_DOCS").is_some() {
        fs::write(PUBLISHED, &schema).unwrap();
    }
    let published = fs::read_to_string(PUBLISHED).unwrap();
    assert!(published == schema, "it is stale: run this test with `SEALIFT_WRITE_DOCS=1`");
}

#[test]
fn a_report_keeps_to_the_published_schema() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(PUBLISHED).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in [script::bad_night(), Report::default()] {
        let document = written(&report);
        let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
    }
}

#[test]
fn a_document_that_is_no_report_is_refused_by_the_schema() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(PUBLISHED).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let change = |key: &str, value: Option<Value>| {
        let mut document = written(&script::bad_night());
        match value {
            Some(value) => document[key] = value,
            None => drop(document.as_object_mut().unwrap().remove(key)),
        }
        validator.is_valid(&document)
    };
    assert!(change("a field of a later version", Some(1.into())), "fields may be added");
    assert!(!change("copied", Some("many".into())));
    assert!(!change("failures", Some(Value::Array(vec![serde_json::json!({"what": "nothing"})]))));
    for key in ["schema", "exit_code", "copied", "failed", "failures", "moved", "tallies", "slowest"] {
        assert!(!change(key, None), "`{key}` is promised");
    }
}

/// What was promised in version 1. A test that must be changed here breaks the programs of those who read reports.
#[test]
fn the_fields_of_version_1_stay() {
    let document = written(&script::bad_night());
    let fields: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "schema",
        "sealift",
        "mode",
        "started",
        "exit_code",
        "name",
        "copied",
        "skipped",
        "failed",
        "unfinished",
        "interrupted",
        "moved",
        "rewritten",
        "rounds",
        "restarts",
        "filters",
        "slowest",
        "tallies",
        "failures",
        "elapsed_s",
    ] {
        assert!(fields.contains(&field), "`{field}` is not in {fields:?}");
    }
    assert_eq!(document["schema"], 1);
    let failure = &document["failures"][0];
    assert_eq!(
        (&failure["what"], &failure["kind"], &failure["hint"]),
        (&"image".into(), &"unavailable".into(), &"is `h.io` running?".into())
    );
}

#[test]
fn a_place_where_nothing_can_be_written_is_refused_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("no/such/report.json")] {
        let Err(UsageError(wrong)) = ReportFile::new(&path, PROGRAM) else { panic!("{}", path.display()) };
        assert!(wrong[0].message.contains(&*path.to_string_lossy()), "{:?}", wrong[0].message);
    }
}

#[cfg(unix)]
#[test]
fn an_earlier_report_is_replaced_and_others_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    fs::write(&path, "an earlier one").unwrap();
    ReportFile::new(&path, PROGRAM).unwrap().write(&Report::default(), true).unwrap();
    let document: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(document["mode"], "plan");
    assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0);
}

// A run that was over waited for a reader, for ever and without a word.
#[cfg(unix)]
#[test]
fn a_pipe_that_nothing_reads_is_an_error_and_no_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let file = ReportFile::new(&path, PROGRAM).unwrap();
    let error = file.write_text("{}").unwrap_err();
    assert_eq!(error.to_string(), "it is a pipe that nothing reads");
}

// `--to bundle.tar --report bundle.tar` left a report where the images had been, with exit code 0.
#[test]
fn images_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (tar, index) = (dir.path().join("bundle.tar"), dir.path().join("index.json"));
    let file = ReportFile::new(&tar, PROGRAM).unwrap();
    let mut header = [0; 512];
    header[257..262].copy_from_slice(b"ustar");
    fs::write(&tar, header).unwrap();
    assert!(file.write(&Report::default(), false).is_err());
    fs::create_dir(dir.path().join("blobs")).unwrap();
    fs::write(&index, "{}").unwrap();
    for path in [&tar, &index] {
        let Err(UsageError(wrong)) = ReportFile::new(path, PROGRAM) else { panic!("{}", path.display()) };
        assert!(wrong[0].message.contains("images are there"), "{:?}", wrong[0].message);
    }
    assert_eq!((fs::read(&tar).unwrap().len(), fs::read(&index).unwrap().len()), (512, 2));
}

// `--file list.txt --report list.txt` left a report where the list had been.
#[test]
fn files_of_the_run_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = "name = \"stage\"\n[list]\nuse = \"text\"\nfiles = [\"list.txt\"]\n[[push]]\nuse = \"oci-dir\"\n\
        path = \"new.tar\"\nbase = \"../x/receipt.json\"\n";
    for path in ["list.txt", "./list.txt", "new.tar", "../x/receipt.json", "blobs/sha256/aa", ".sealift/staged"] {
        let refused = ReportFile::beside(&dir.path().join(path), PROGRAM, pipeline, dir.path());
        assert!(refused.is_err(), "{path}");
    }
    for path in ["stage", "text", "report.json"] {
        assert!(ReportFile::beside(&dir.path().join(path), PROGRAM, pipeline, dir.path()).is_ok(), "{path}");
    }
}
