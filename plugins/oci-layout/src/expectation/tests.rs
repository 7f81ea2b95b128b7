use super::*;
use crate::{TARGETS, made::Made};

fn expect(list: &[&str]) -> Expectation {
    let mut expectation = Expectation::default();
    list.iter().for_each(|name| expectation.add(&FullReference::parse_or_latest(name).unwrap()));
    expectation
}

#[tokio::test]
async fn a_list_is_compared_by_name_and_digest() {
    let mut made = Made::new().await;
    let (one, two) = (made.image("one").await, made.image("two").await);
    made.named(&one, "q.io/app:v1");
    made.entry(&two, &[(crate::REF_NAME, "q.io/app:v2"), (TARGETS, "harbor.io/mirror/app:v2")]);
    let layout = made.layout().await;
    let both = expect(&[&format!("q.io/app:v1@{}", one.digest), "harbor.io/mirror/app:v2"]);
    let same = both.compare(&layout).await.unwrap();
    assert!(same.is_none() && same.unexpected.is_empty(), "{same:?}");
    let other = expect(&[&format!("q.io/app:v1@{}", two.digest), "q.io/app:v3", &format!("q.io/app@{}", one.digest)]);
    let found = other.compare(&layout).await.unwrap();
    assert_eq!((found.expected, &found.missing[..]), (3, &["q.io/app:v3".to_owned()][..]));
    assert_eq!(found.other, [format!("`q.io/app:v1` is `{}`, expected `{}`", one.digest, two.digest)]);
    assert_eq!(found.unexpected, ["q.io/app:v2"]);
    // Its own receipt finds it complete.
    let own = Expectation::of_receipt(&Receipt::of_layout(&layout).await.unwrap());
    assert!(own.compare(&layout).await.unwrap().is_none());
}
