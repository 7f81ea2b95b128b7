//! Finds the rules that share no name with any other, so that the engine need not remember their names.
//!
//! Only certain cases count. A push may name images by rule or by the path of the source, so both must be alone.

use std::collections::{HashMap, HashSet};

use sealift_image_syncer::{Rule, TargetVersion};

/// Returns for each rule true if no other rule can write one of its names.
pub(crate) fn exclusive(rules: &[Rule]) -> Vec<bool> {
    let mut sources: HashMap<&str, usize> = HashMap::new();
    let mut targets: HashMap<_, usize> = HashMap::new();
    for rule in rules {
        *sources.entry(rule.source.path()).or_default() += 1;
        for target in &rule.targets {
            *targets.entry(&target.repository).or_default() += 1;
        }
    }
    let alone = |rule: &Rule| {
        sources[rule.source.path()] == 1
            && rule.targets.iter().all(|target| targets[&target.repository] == 1 && keeps_apart(&target.version))
    };
    rules.iter().map(alone).collect()
}

/// Returns true if two versions of the source never get the same name.
fn keeps_apart(version: &TargetVersion) -> bool {
    match version {
        TargetVersion::Same | TargetVersion::Matching(_) | TargetVersion::Digest(_) | TargetVersion::Pinned(..) => true,
        TargetVersion::Named(names) => names.iter().collect::<HashSet<_>>().len() == names.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;
    use sealift_image_syncer::Variables;

    use super::*;

    fn judged(rules: &[(&str, &[&str])]) -> Vec<bool> {
        let variables = Variables::new(Arc::new(|_| None), Purpose::Run);
        let parse = |(from, to): &(&str, &[&str])| Rule::parse(from, to, "r", &variables).unwrap().0;
        exclusive(&rules.iter().map(parse).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_meets_nothing_is_exclusive() {
        assert_eq!(judged(&[("q.io/a", &["h.io/a", "k.io/a"]), ("q.io/b", &["h.io/b"])]), [true, true]);
        assert_eq!(judged(&[("q.io/a", &["h.io/x"]), ("q.io/b", &["h.io/x"])]), [false, false]);
        assert_eq!(judged(&[("q.io/a:1", &["h.io/a"]), ("q.io/a:2", &["h.io/b"])]), [false, false], "one source");
        assert_eq!(
            judged(&[("q.io/a", &["h.io/a"]), ("g.io/a", &["h.io/b"])]),
            [false, false],
            "one path of the source"
        );
        assert_eq!(judged(&[("q.io/a:1,2", &["h.io/a:x,x"])]), [false]);
        assert_eq!(judged(&[("q.io/a:1,2", &["h.io/a:x,y"])]), [true]);
        assert_eq!(judged(&[("q.io/a:1", &["h.io/a:x", "h.io/a:y"])]), [false]);
    }
}
