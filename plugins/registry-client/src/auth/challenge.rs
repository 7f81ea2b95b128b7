//! `WWW-Authenticate` (RFC 7235): several challenges, in one header or in many.

use http::{HeaderMap, header::WWW_AUTHENTICATE};
use http_auth::{ChallengeRef, parser::ChallengeParser};

/// The challenges of a 401.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenges {
    /// The token service of a Bearer challenge.
    pub(crate) bearer: Option<BearerChallenge>,
    /// The scope that a token should have.
    pub(crate) scope: Option<String>,
    /// The token that was sent does not allow enough (`insufficient_scope`).
    pub(crate) insufficient_scope: bool,
    /// There is a Basic challenge, for user name and password.
    pub(crate) basic: bool,
    /// The realm of a Basic challenge. Harbor is recognised by its own, which it sends to every token that it does not
    /// accept.
    pub(crate) basic_realm: Option<String>,
}

/// A token service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BearerChallenge {
    /// Its URL as the registry wrote it, not checked by the URL policy yet.
    pub(crate) realm: String,
    /// The name that it has for the registry.
    pub(crate) service: Option<String>,
}

/// The longest header that is parsed, in bytes.
const MAX_LENGTH: usize = 8 << 10;

impl Challenges {
    /// Parses all challenges. A syntax error ends the header that it is in.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Some(text) = value.to_str().ok().filter(|text| text.len() <= MAX_LENGTH) else { continue };
            ChallengeParser::new(text).map_while(Result::ok).for_each(|challenge| found.take(&challenge));
        }
        found
    }

    fn take(&mut self, challenge: &ChallengeRef<'_>) {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped()).filter(|value| !value.is_empty())
        };
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            self.basic = true;
            self.basic_realm = parameter("realm").or_else(|| self.basic_realm.take());
        }
        if challenge.scheme.eq_ignore_ascii_case("bearer") && self.bearer.is_none() {
            let Some(realm) = parameter("realm") else { return };
            self.bearer = Some(BearerChallenge { realm, service: parameter("service") });
            self.scope = parameter("scope");
            self.insufficient_scope = parameter("error").is_some_and(|error| error == "insufficient_scope");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&str]) -> Challenges {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        Challenges::read(&map)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<BearerChallenge> {
        Some(BearerChallenge { realm: realm.to_owned(), service: service.map(str::to_owned) })
    }

    #[test]
    fn a_bearer_challenge_with_a_scope_of_commas() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        let found = read(&[header]);
        assert_eq!(found.bearer, bearer("https://auth.docker.io/token", Some("registry.docker.io")));
        assert_eq!(found.scope.as_deref(), Some("repository:library/nginx:pull,push"));
        assert!(!found.basic && !found.insufficient_scope);
    }

    #[test]
    fn several_challenges_in_one_line_or_in_many() {
        for headers in [
            &[r#"Negotiate, Basic realm="x", Bearer realm="https://a/t""#][..],
            &[r#"basic realm="a, Bearer b""#, r#"BEARER REALM="https://a/t""#],
            &[r#"Bearer realm="https://a/t", Basic realm=x"#],
        ] {
            let found = read(headers);
            assert_eq!((found.bearer, found.basic), (bearer("https://a/t", None), true), "{headers:?}");
        }
    }

    #[test]
    fn escapes_and_empty_values_are_understood() {
        let found = read(&[r#"Bearer realm="https://a/\"q\"",service="",error="insufficient_scope",scope="x:y:z""#]);
        assert_eq!(found.bearer, bearer("https://a/\"q\"", None));
        assert!(found.insufficient_scope);
    }

    #[test]
    fn what_cannot_be_read_is_no_challenge() {
        let long = format!(r#"Bearer realm="https://a/{}""#, "x".repeat(64 << 10));
        for header in ["", "Bearer", "Bearer realm=", r#"Bearer service="x""#, r#"Bearer realm="unended"#, ",,,", &long]
        {
            assert_eq!(read(&[header]).bearer, None, "{header:.40}");
        }
        assert_eq!(read(&[]), Challenges::default());
    }
}
