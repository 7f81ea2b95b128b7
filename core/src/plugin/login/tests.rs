use super::*;

fn matches(pattern: &str, host: &str) -> bool {
    HostPattern::parse(pattern).unwrap().matches(host)
}

#[test]
fn a_host_is_the_whole_name_with_its_port() {
    assert!(matches("quay.io", "quay.io") && matches("Quay.IO", "quay.io") && matches("[::1]:5000", "[::1]:5000"));
    assert!(matches("index.docker.io", "docker.io"), "Docker Hub is one registry");
    for other in ["quay.io:5000", "a.quay.io", "quay.io.evil.example", "xquay.io"] {
        assert!(!matches("quay.io", other), "{other}");
    }
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, host) in [
        ("*", "quay.io"),
        ("*.acme.example", "eu.registry.acme.example"),
        ("*.acme.example:*", "eu.acme.example:5000"),
        ("*.dkr.ecr.*.amazonaws.com", "1234.dkr.ecr.eu-west-1.amazonaws.com"),
        ("a*a", "aa"),
    ] {
        assert!(matches(pattern, host), "{pattern} {host}");
    }
    for (pattern, host) in [
        ("*.acme.example", "acme.example"),
        ("*.acme.example", "eu.acme.example:5000"),
        ("*.acme.example", "eu.acme.example.evil.example"),
        ("*.dkr.ecr.*.amazonaws.com", "dkr.ecr.eu-west-1.amazonaws.com"),
        ("a*a", "a"),
    ] {
        assert!(!matches(pattern, host), "{pattern} {host}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for text in ["", "https://quay.io", "quay.io/acme", "*/acme", "quay io", "*."] {
        assert!(HostPattern::parse(text).is_err(), "{text}");
    }
}

/// A login whose cloud lists tags.
struct Listing;

#[async_trait]
impl LoginProvider for Listing {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        Ok(None)
    }

    async fn invalidate(&self, _: &Login) {}

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        Some(self)
    }
}

#[async_trait]
impl LoginInventory for Listing {
    fn tells_media_types(&self) -> bool {
        true
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        assert!(repository.path() != "broken", "told to");
        Ok(Some(TagPage::new(Vec::new(), next.map(str::to_owned))))
    }
}

#[tokio::test]
async fn a_list_of_tags_is_for_the_hosts_of_its_login_and_is_isolated() {
    let provider = Isolated::new("login", "acme".into(), LIMIT, Arc::new(Listing) as Arc<dyn LoginProvider>);
    let login = HostLogin { kind: "acme", hosts: patterns(&["*.acme.example".to_owned()]).unwrap(), provider };
    let list = login.inventory().unwrap();
    assert!(list.tells_media_types());
    let page = async |name: &str| list.page(&name.parse().unwrap(), Some("mark")).await;
    assert_eq!(page("eu.acme.example/a").await.unwrap(), Some(TagPage::new(Vec::new(), Some("mark".to_owned()))));
    assert_eq!(page("quay.io/a").await.unwrap(), None);
    let broken = page("eu.acme.example/broken").await.unwrap_err();
    let told = "cannot list tags by `acme`: the login `acme` broke while it listed tags: told to";
    assert_eq!(broken.to_string(), told);
}
