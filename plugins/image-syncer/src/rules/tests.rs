use std::{collections::BTreeMap, sync::Arc};

use sealift_core::{
    content::{ImageRef, Tag},
    plugin::Purpose,
};
use serde::Deserialize;

use super::*;

/// Every case of the specification, with its exact outcome.
mod cases {
    use super::*;

    #[derive(Deserialize)]
    struct Cases {
        rules: Vec<Case>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        source: String,
        dest: serde_json::Value,
        #[serde(default)]
        tags: Vec<Tag>,
        #[serde(default)]
        set: BTreeMap<String, String>,
        pairs: Option<Vec<String>>,
        error: Option<String>,
    }

    /// What a case comes to: its pairs, or the kinds of its mistakes.
    fn outcome(case: &Case, suffix: &str) -> Result<Vec<String>, Vec<&'static str>> {
        // JSON is YAML too, so the same text goes through both readers.
        let text = serde_json::to_string(&BTreeMap::from([(&case.source, &case.dest)])).unwrap();
        let set = case.set.clone();
        let variables = Variables::new(Arc::new(move |name| set.get(name).cloned()), Purpose::Run);
        let document = Document::parse(Text::new(&text, &format!("images.{suffix}")).unwrap()).unwrap();
        let Value::Map(entries) = &document.root.value else { panic!("{text}") };
        let (source, destination) = &entries[0];
        match check_rule(&document, source, destination, &variables) {
            Ok((rule, _)) => {
                let listing = rule.listing(&case.tags);
                let image = |version| ImageRef { repository: listing.repository.clone(), version };
                let pairs = listing.candidates.iter().flat_map(|candidate| {
                    let source = image(candidate.version.clone());
                    candidate.targets.iter().map(move |target| format!("{source} -> {target}"))
                });
                Ok(pairs.collect())
            }
            Err(errors) => Err(errors.iter().map(|(error, _)| error.kind.name()).collect()),
        }
    }

    #[test]
    fn every_case_of_the_specification_comes_out_as_written() {
        let cases: Cases = serde_yaml::from_str(include_str!("../../tests/cases.yaml")).unwrap();
        assert!(cases.rules.len() >= 30);
        for case in cases.rules {
            for suffix in ["yaml", "json"] {
                let expected = match (&case.pairs, &case.error) {
                    (Some(pairs), None) => Ok(pairs.clone()),
                    (None, Some(kind)) => {
                        let known = RuleErrorKind::ALL.iter().map(|kind| kind.name()).find(|name| name == kind);
                        Err(vec![known.unwrap_or_else(|| panic!("`{kind}` is no kind of error"))])
                    }
                    _ => panic!("`{}` has not one outcome", case.source),
                };
                assert_eq!(outcome(&case, suffix), expected, "{} -> {} as {suffix}", case.source, case.dest);
            }
        }
    }
}
