//! Proxies, as the environment names them: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case.
//!
//! Read from the environment that a pipeline was built with, never from the process. This machine is never reached
//! through a proxy.

use std::net::IpAddr;

use url::{Host, Url};

use crate::network_scope::{NetworkScope, is_local_name};

/// The proxies of a client.
#[derive(Clone, Default)]
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    except: Vec<Except>,
    /// Variables that name no proxy, and why: what would go through one fails.
    broken: Vec<BadProxy>,
}

#[derive(Clone)]
struct BadProxy {
    scheme: &'static str,
    why: String,
}

#[derive(Clone)]
enum Except {
    All,
    Domain(String, Option<u16>),
    Network(IpAddr, u8, Option<u16>),
}

impl Proxies {
    /// Reads the variables. One that names no proxy matters only to requests that would go through it.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            [name.to_owned(), name.to_ascii_lowercase()]
                .into_iter()
                .find_map(|name| env(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value)))
        };
        let mut broken = Vec::new();
        let mut proxy = |name: &str, scheme| {
            let (name, text) = value(name).or_else(|| value("ALL_PROXY"))?;
            let parsed = parse_proxy(text.trim())
                .map_err(|why| broken.push(BadProxy { scheme, why: format!("`{name}` {why}") }));
            parsed.ok()
        };
        let (http, https) = (proxy("HTTP_PROXY", "http"), proxy("HTTPS_PROXY", "https"));
        let except = value("NO_PROXY").map(|(_, list)| list.split(',').filter_map(parse_exception).collect());
        Self { http, https, except: except.unwrap_or_default(), broken }
    }

    /// Returns the problems of the variables.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = &str> {
        let same = |(at, one): &(usize, &BadProxy)| self.broken[..*at].iter().all(|other| other.why != one.why);
        self.broken.iter().enumerate().filter(same).map(|(_, broken)| broken.why.as_str())
    }

    /// Returns the problem of the proxy that leads to a URL.
    pub(crate) fn trouble(&self, url: &Url) -> Option<&str> {
        let broken = self.broken.iter().find(|broken| broken.scheme == url.scheme())?;
        (!self.is_direct(url)).then_some(&*broken.why)
    }

    /// Returns true if there are no proxies.
    pub(crate) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxy for a URL, if one leads there.
    pub(crate) fn for_url(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() };
        proxy.filter(|_| !self.is_direct(url))
    }

    /// Returns true if a URL is always reached without a proxy.
    fn is_direct(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return true };
        let port = url.port_or_known_default();
        NetworkScope::of_host(&host) == Some(NetworkScope::Loopback)
            || self.except.iter().any(|except| except.matches(&host, port))
    }

    /// Returns true for the host name of a proxy, which is resolved in order to reach the proxy.
    pub(crate) fn is_proxy(&self, host: &str) -> bool {
        [&self.http, &self.https].into_iter().flatten().any(|proxy| proxy.host_str() == Some(host))
    }
}

fn parse_proxy(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // What it says is not repeated: it may hold a password.
    let url = Url::parse(&full).map_err(|error| format!("is not the URL of a proxy: {error}"))?;
    match url.scheme() {
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" if url.host().is_some() => Ok(url),
        other => Err(format!("is not the URL of a proxy: `{other}` is not http, https or socks5")),
    }
}

fn parse_exception(text: &str) -> Option<Except> {
    let text = text.trim().to_ascii_lowercase();
    if text == "*" {
        return Some(Except::All);
    }
    if let Some((address, bits)) = text.split_once('/') {
        return Some(Except::Network(address.parse().ok()?, bits.parse().ok()?, None));
    }
    let plain = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let whole = |address: IpAddr, port| Except::Network(address, if address.is_ipv4() { 32 } else { 128 }, port);
    if let Some(address) = plain(&text) {
        return Some(whole(address, None));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (text.as_str(), None),
    };
    match plain(name) {
        Some(address) => Some(whole(address, port)),
        None => {
            let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
            (!name.is_empty()).then(|| Except::Domain(name.to_owned(), port))
        }
    }
}

impl Except {
    fn matches(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let port_fits = |wanted: &Option<u16>| wanted.is_none_or(|wanted| port == Some(wanted));
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(name, wanted), Host::Domain(host)) => {
                let host = host.trim_end_matches('.');
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                (host == name || below) && port_fits(wanted) || is_local_name(host)
            }
            (Self::Network(network, bits, wanted), Host::Ipv4(host)) => {
                in_network(*network, *bits, IpAddr::V4(*host)) && port_fits(wanted)
            }
            (Self::Network(network, bits, wanted), Host::Ipv6(host)) => {
                in_network(*network, *bits, IpAddr::V6(*host)) && port_fits(wanted)
            }
            _ => false,
        }
    }
}

fn in_network(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(u32::from(network)), u128::from(u32::from(address)), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (u128::from(network), u128::from(address), 128),
        _ => return false,
    };
    let shift = width - u32::from(bits).min(width);
    network.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_env(&|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn proxy_of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.for_url(&Url::parse(url).unwrap()).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let found = proxies(&[("HTTPS_PROXY", "proxy.corp:3128"), ("http_proxy", "http://u:p@other:1")]);
        assert_eq!(proxy_of(&found, "https://quay.io/v2/").as_deref(), Some("http://proxy.corp:3128/"));
        assert_eq!(proxy_of(&found, "http://quay.io/v2/").as_deref(), Some("http://u:p@other:1/"));
        assert!(found.is_proxy("proxy.corp") && !found.is_proxy("quay.io"));
        assert_eq!(proxy_of(&proxies(&[]), "https://quay.io/"), None);
        let all = proxies(&[("all_proxy", "socks5h://s:1080")]);
        assert_eq!(proxy_of(&all, "https://quay.io/").as_deref(), Some("socks5h://s:1080"));
    }

    #[test]
    fn exceptions_are_names_networks_and_ports() {
        let list = "example.com, .corp,10.0.0.0/8,192.168.1.7,fd00::/8,special:8443, bad/x";
        let found = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]);
        for direct in [
            "https://example.com/",
            "https://r.example.com/",
            "https://harbor.corp/",
            "https://corp/",
            "https://10.9.9.9/",
            "https://192.168.1.7/",
            "https://[fd00::1]/",
            "https://special:8443/",
            "https://localhost/",
            "https://127.0.0.1/",
        ] {
            assert_eq!(proxy_of(&found, direct), None, "{direct}");
        }
        for proxied in ["https://notexample.com/", "https://11.0.0.1/", "https://192.168.1.8/", "https://special/"] {
            assert!(proxy_of(&found, proxied).is_some(), "{proxied}");
        }
        let none = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "*")]);
        assert_eq!(proxy_of(&none, "https://quay.io/"), None);
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password_and_bars_only_its_own_way() {
        let found = proxies(&[("HTTPS_PROXY", "ftp://user:CANARY@p:1"), ("NO_PROXY", "direct.corp")]);
        let trouble = |url: &str| found.trouble(&Url::parse(url).unwrap()).map(str::to_owned);
        let told = trouble("https://quay.io/").unwrap();
        assert!(told.contains("`HTTPS_PROXY`") && !told.contains("CANARY"), "{told}");
        for fine in ["http://quay.io/", "https://127.0.0.1:5000/", "https://localhost/", "https://direct.corp/"] {
            assert_eq!(trouble(fine), None, "{fine}");
        }
        assert_eq!(found.troubles().count(), 1);
        assert_eq!(proxies(&[("ALL_PROXY", "::bad::")]).troubles().count(), 1, "told once for both schemes");
    }
}
