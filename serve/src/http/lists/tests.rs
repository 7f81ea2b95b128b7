use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("v{number:05}")).rev().collect()
}

#[test]
fn pages_follow_one_another_without_a_gap() {
    let mut uri: Uri = "/v2/a/tags/list?n=3".parse().unwrap();
    let mut all = Vec::new();
    loop {
        let (page, link) = page(names(10), &uri).unwrap();
        assert!(page.len() <= 3);
        all.extend(page);
        let Some(link) = link else { break };
        uri = link.trim_start_matches('<').split('>').next().unwrap().parse().unwrap();
    }
    let mut expected = names(10);
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn an_answer_has_a_longest_length() {
    let uri: Uri = "/v2/a/tags/list?n=99999999".parse().unwrap();
    let (page, link) = page(names(MAX_PAGE + 1), &uri).unwrap();
    assert_eq!(page.len(), MAX_PAGE);
    assert!(link.is_some());
}

#[test]
fn no_tags_are_asked_for_and_none_come() {
    let (page, link) = page(names(3), &"/x?n=0".parse().unwrap()).unwrap();
    assert!(page.is_empty() && link.is_none());
}
