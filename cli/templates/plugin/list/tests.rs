use super::Inventory;

fn inventory(images: &[&str]) -> Vec<(String, Vec<String>)> {
    let mut inventory = Inventory::default();
    images
        .iter()
        .for_each(|image| inventory.add(image.parse().unwrap()));
    let versions = |listing: &sealift_core::job::Listing| {
        listing
            .candidates
            .iter()
            .map(|candidate| candidate.reference.to_string())
            .collect()
    };
    let listings = inventory.0.iter();
    listings
        .map(|listing| (listing.repository.to_string(), versions(listing)))
        .collect()
}

#[test]
fn tags_of_one_repository_are_one_listing_in_the_order_of_the_pipeline() {
    let found = inventory(&[
        "quay.io/acme/b:v2",
        "quay.io/acme/a:v1",
        "quay.io/acme/b:v1",
    ]);
    let versions = |versions: &[&str]| versions.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        ("quay.io/acme/b".to_owned(), versions(&["v2", "v1"])),
        ("quay.io/acme/a".to_owned(), versions(&["v1"])),
    ];
    assert_eq!(found, expected);
}
