//! The filter keeps the rules that all filters keep, and says what is wrong with its keys.

use example_custom_filter as _;
use sealift_conformance::Given;

sealift_conformance::conformance!(filter: Given::new("[[filter]]\nuse = \"suffix\"\nkeep = [\"-alpine\"]\n"));

#[test]
fn an_empty_ending_is_refused_where_it_stands() {
    let given = Given::new("[[filter]]\nuse = \"suffix\"\nkeep = [\"-alpine\", \"\"]\n");
    let Err(problems) = given.loaded() else { panic!("it was taken") };
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("every tag ends with an empty text"), "{said:?}");
    assert_eq!(problems[0].location.as_ref().map(|place| (place.line, place.column)), Some((3, 20)));
}
