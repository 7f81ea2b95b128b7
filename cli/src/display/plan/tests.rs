use super::*;
use crate::display::script;

#[test]
fn an_image_is_a_block_with_all_that_would_happen() {
    insta::assert_snapshot!(block(&script::planned()));
}

#[test]
fn what_is_skipped_is_a_line_that_says_why() {
    let mut plan = Plan { next: 4, ..Plan::default() };
    let skipped = |event: &&Event| matches!(event, Event::TargetFinished { outcome: Outcome::Skipped(_), .. });
    let told: String = script::everything()
        .iter()
        .filter(skipped)
        .enumerate()
        .flat_map(|(at, event)| [plan.take(event), plan.take(&Event::JobFinished { job: 4 + at as u64 })])
        .collect();
    insta::assert_snapshot!(told);
}

#[test]
fn a_plan_reads_in_the_order_of_the_rules_whatever_ends_first() {
    let planned = |job, tag: &str| {
        let source = script::image(&format!("q.io/a/b:{tag}"));
        Event::Planned {
            job,
            image: {
                let mut image = script::planned();
                image.source = source;
                image
            },
        }
    };
    let mut plan = Plan::default();
    assert_eq!(plan.take(&planned(1, "second")), "");
    assert_eq!(plan.take(&Event::JobFinished { job: 1 }), "");
    assert_eq!(plan.take(&planned(2, "third")), "");
    plan.take(&planned(0, "first"));
    let told = plan.take(&Event::JobFinished { job: 0 });
    assert!(told.starts_with("copy q.io/a/b:first\n") && told.contains("\ncopy q.io/a/b:second\n"), "{told}");
    assert!(plan.rest().starts_with("copy q.io/a/b:third\n"), "what was stopped is told at the end");
}

#[test]
fn the_sum_counts_what_would_be_written() {
    let mut plan = Plan::default();
    plan.take(&Event::Planned { job: 0, image: script::planned() });
    assert_eq!(
        plan.sum(&script::report(|report| report.failed = 1)),
        "1 image to copy to 2 targets: up to 45.0 MiB in 7 blobs, with 2 referrers; 1 target to skip; 1 failed; nothing was written\n\
         1 foreign layer copied only where the source has them: the urls in the manifests say where else\n\
         dropped from indexes: windows/amd64\n"
    );
    assert_eq!(Plan::default().sum(&Report::default()), "nothing to copy; nothing was written\n");
    let mut plan = Plan::default();
    let removes = |event: &&Event| matches!(event, Event::Removed { removed, .. } if !removed.held_back);
    plan.take(script::everything().iter().find(removes).unwrap());
    plan.removed.images.clear();
    plan.noted.push("bundle".to_owned());
    assert_eq!(
        plan.sum(&Report::default()),
        "nothing to copy; 3 blobs to remove (5.0 MiB); only notes to change; nothing was written\n"
    );
    assert!(plan.rest().starts_with("change notes in bundle: "));
}
