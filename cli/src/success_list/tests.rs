use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind},
    job::CopyStats,
};

use super::*;

fn ended(job: u64, source: &str, target: &str, outcome: Outcome) -> Event {
    let (source, target) = (source.parse().unwrap(), Some(target.parse().unwrap()));
    Event::TargetFinished { job, source, target, push: "registry".into(), location: None, outcome, again: false }
}

fn copied(job: u64, source: &str, target: &str) -> Event {
    ended(job, source, target, Outcome::Copied(CopyStats::default()))
}

fn written(format: SuccessListFormat, events: &[Event]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let list = SuccessList::create(file.path(), format).unwrap();
    events.iter().for_each(|event| list.take(event));
    list.finish().unwrap();
    std::fs::read_to_string(file.path()).unwrap()
}

fn two_images() -> Vec<Event> {
    let present = Outcome::Skipped(Skip::Present { digest: Digest::of(b"x") });
    vec![
        copied(1, "q.io/a/b:1", "h.io/x/b:1"),
        ended(1, "q.io/a/b:1", "h.io/y/b:1", present),
        Event::JobFinished { job: 1 },
        copied(2, "q.io/a/b:2", "h.io/x/b:2"),
        Event::JobFinished { job: 2 },
    ]
}

#[test]
fn what_is_there_is_listed_in_yaml() {
    assert_eq!(
        written(SuccessListFormat::Yaml, &two_images()),
        "\"q.io/a/b:1\":\n  - \"h.io/x/b:1\"\n  - \"h.io/y/b:1\"\n\"q.io/a/b:2\":\n  - \"h.io/x/b:2\"\n"
    );
}

#[test]
fn what_is_there_is_listed_in_json() {
    let text = written(SuccessListFormat::Json, &two_images());
    let read: BTreeMap<String, Vec<String>> = serde_json::from_str(&text).unwrap();
    assert_eq!(read["q.io/a/b:1"], ["h.io/x/b:1", "h.io/y/b:1"]);
    assert_eq!(read["q.io/a/b:2"], ["h.io/x/b:2"]);
}

#[test]
fn what_failed_or_was_left_out_is_not_listed() {
    let failed = Outcome::Failed(Error::new(ErrorKind::NotFound, "no"));
    let filtered = Outcome::Skipped(Skip::Filtered { filter: "platform".into(), at: 0, reason: "no".into() });
    let events = [ended(1, "q.io/a:1", "h.io/a:1", failed), ended(1, "q.io/a:2", "h.io/a:2", filtered)];
    for format in [SuccessListFormat::Yaml, SuccessListFormat::Json] {
        assert_eq!(written(format, &events), "{}\n");
    }
}

#[test]
fn a_source_of_two_rules_or_two_rounds_is_one_entry() {
    let events = [
        copied(1, "q.io/a/b:1", "h.io/x/b:1"),
        Event::JobFinished { job: 1 },
        copied(2, "q.io/a/c:1", "h.io/x/c:1"),
        Event::JobFinished { job: 2 },
        copied(1, "q.io/a/b:1", "h.io/y/b:1"),
        Event::JobFinished { job: 1 },
    ];
    for format in [SuccessListFormat::Yaml, SuccessListFormat::Json] {
        let text = written(format, &events);
        assert_eq!(
            entries(format, &text),
            [
                ("q.io/a/b:1".to_owned(), vec!["h.io/x/b:1".to_owned(), "h.io/y/b:1".to_owned()]),
                ("q.io/a/c:1".to_owned(), vec!["h.io/x/c:1".to_owned()]),
            ]
        );
    }
}

#[test]
fn the_file_is_whole_after_every_entry() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let list = SuccessList::create(file.path(), SuccessListFormat::Json).unwrap();
    for event in two_images() {
        list.take(&event);
        let text = std::fs::read_to_string(file.path()).unwrap();
        serde_json::from_str::<BTreeMap<String, Vec<String>>>(&text).expect(&text);
    }
}

// To a pipe, the copies were made, and then the list was an "illegal seek" and the exit code 1.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_gets_the_whole_list_at_the_end() {
    use std::io::Read;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut text = String::new();
            File::open(path).unwrap().read_to_string(&mut text).map(|_| text)
        }
    });
    let list = SuccessList::create(&path, SuccessListFormat::Json).unwrap();
    two_images().iter().for_each(|event| list.take(event));
    // Whether the reader is there already is a matter of time.
    while let Err(error) = list.finish() {
        assert!(error.to_string().contains("nothing reads"), "{error}");
    }
    let read: BTreeMap<String, Vec<String>> = serde_json::from_str(&reader.join().unwrap().unwrap()).unwrap();
    assert_eq!(read.len(), 2);
}
