use super::*;
use crate::display::script;

#[test]
fn every_event_is_one_object() {
    let counter = Arc::new(AtomicU64::new(4096));
    let lines: Vec<String> = script::everything()
        .iter()
        .filter_map(|event| line(event, Some(&counter)).map(|line| serde_json::to_string(&line.fact).unwrap()))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_report_is_the_last_one() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&report(&script::bad_night()).fact).unwrap());
}

#[test]
fn every_object_says_when() {
    let stopping = serde_json::to_value(line(&Event::Stopping, None).unwrap()).unwrap();
    assert_eq!(stopping["event"], "stopping");
    let time = stopping["time"].as_str().unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok() && time.ends_with('Z') && time.len() == 24, "{time}");
}
