use std::time::Duration;

use super::*;
use crate::{
    measure::Used,
    scenario::{Access, Scenario},
};

fn rounds(name: &str, wall_s: f64, requests: usize) -> Rounds {
    let run = Run {
        used: Used { wall_s, cpu_s: wall_s, peak_kib: 20 << 10 },
        source: requests,
        target: requests,
        ..Run::default()
    };
    Rounds { name: name.to_owned(), ours: name == OURS, cold: vec![run.clone()], again: vec![run], failed: None }
}

fn measured(task: Task, contenders: Vec<Rounds>) -> Vec<Results> {
    let scenario = Scenario {
        task,
        distance: Near,
        access: Access::default(),
        rounds: 1,
        delay: Duration::ZERO,
        bytes_per_second: 0,
    };
    vec![Results { scenario, contenders }]
}

fn verdict(all: &[Results], what: What, phase: Phase) -> Option<Verdict> {
    let target = targets()
        .into_iter()
        .find(|one| one.what == what && one.phase == phase && one.who == OURS && one.task == all[0].scenario.task);
    Some(target?.judge(all)?.1)
}

#[test]
fn a_count_is_compared_with_itself_and_a_miss_fails_the_run() {
    let good = measured(Task::Many, vec![rounds(OURS, 1.0, 500)]);
    assert_eq!(verdict(&good, What::Requests, Cold), Some(Verdict { measured: 1000.0, limit: 8300.0 }));
    assert!(!report(&good));
    assert!(report(&measured(Task::Many, vec![rounds(OURS, 1.0, 5000)])));
}

#[test]
fn seconds_that_miss_their_target_do_not_fail_the_run() {
    let slow = measured(Task::Many, vec![rounds(OURS, 9.0, 500), rounds("crane", 1.0, 500)]);
    assert!(!verdict(&slow, What::Wall, Cold).unwrap().ok());
    assert!(!report(&slow));
}

#[test]
fn the_best_other_is_what_counts_and_skopeo_alone_has_goals_of_its_own() {
    let alone = measured(Task::Many, vec![rounds(OURS, 1.0, 1), rounds("skopeo", 10.0, 1)]);
    assert_eq!(verdict(&alone, What::Wall, Cold), Some(Verdict { measured: 0.1, limit: 0.14 }));
    let both = measured(Task::Many, vec![rounds(OURS, 1.0, 1), rounds("skopeo", 10.0, 1), rounds("crane", 2.0, 1)]);
    assert_eq!(verdict(&both, What::Wall, Cold), Some(Verdict { measured: 0.5, limit: 0.6 }));
    assert_eq!(verdict(&measured(Task::Many, vec![rounds(OURS, 1.0, 1)]), What::Wall, Cold), None);
}

#[test]
fn who_does_not_hash_is_no_measure_for_hashing() {
    let all = measured(Task::Big, vec![rounds(OURS, 1.0, 1), rounds("ocync", 0.5, 1), rounds("crane", 2.0, 1)]);
    assert_eq!(verdict(&all, What::Cpu, Cold), Some(Verdict { measured: 0.5, limit: 0.8 }));
    assert_eq!(verdict(&all, What::Wall, Cold), Some(Verdict { measured: 2.0, limit: 1.15 }));
}
