//! The kind of network that an address belongs to.
//!
//! A registry may send its clients elsewhere: to a token service, an object store, a mirror. A hostile one sends them
//! to the metadata service of their cloud or to something on their own machine. So a server-supplied address may be no
//! more inward than the registry itself, and some addresses are never right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network that an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkScope {
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// The internet.
    Public,
    /// Link-local, unspecified, multicast, or the metadata service of a cloud.
    Never,
}

impl NetworkScope {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }

    /// Returns the scope of a URL's host, as far as it is known before a name is resolved.
    pub(crate) fn of_host(host: &url::Host<&str>) -> Option<Self> {
        match host {
            url::Host::Ipv4(address) => Some(v4(*address)),
            url::Host::Ipv6(address) => Some(v6(*address)),
            url::Host::Domain(name) => is_local_name(name).then_some(Self::Loopback),
        }
    }

    /// Returns true if a registry in this scope may refer to `target`.
    pub(crate) fn may_send_to(self, target: Self) -> bool {
        match target {
            Self::Public => true,
            Self::Private => matches!(self, Self::Private | Self::Loopback),
            Self::Loopback => self == Self::Loopback,
            Self::Never => false,
        }
    }
}

/// `localhost` and names below it are this machine, regardless of a resolver (RFC 6761).
pub(crate) fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

/// Metadata services that live outside of the link-local range: Alibaba, Azure, Oracle.
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// AWS's, by IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn v4(address: Ipv4Addr) -> NetworkScope {
    let octets = address.octets();
    let carrier_nat = octets[0] == 100 && octets[1] & 0b1100_0000 == 64;
    if address.is_loopback() {
        NetworkScope::Loopback
    } else if octets[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || octets[0] >= 240
        || METADATA.contains(&address)
    {
        NetworkScope::Never
    } else if address.is_private() || carrier_nat || octets[..3] == [192, 0, 0] {
        NetworkScope::Private
    } else {
        NetworkScope::Public
    }
}

fn v6(address: Ipv6Addr) -> NetworkScope {
    if address.is_loopback() {
        return NetworkScope::Loopback;
    }
    if let Some(inner) = inner_v4(address) {
        return v4(inner);
    }
    if address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local() || address == METADATA_V6 {
        NetworkScope::Never
    } else if address.is_unique_local() {
        NetworkScope::Private
    } else {
        NetworkScope::Public
    }
}

/// The IPv4 address that some IPv6 addresses lead to: mapped, compatible, NAT64, 6to4.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(v4(high, low)),
        (0, 0, 0, 0, 0, 0) if high != 0 => Some(v4(high, low)),
        (0x2002, ..) => Some(v4(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sorted_by_how_far_inward_they_are() {
        for (text, expected) in [
            ("127.0.0.1", NetworkScope::Loopback),
            ("127.8.8.8", NetworkScope::Loopback),
            ("::1", NetworkScope::Loopback),
            ("::ffff:127.0.0.1", NetworkScope::Loopback),
            ("10.1.2.3", NetworkScope::Private),
            ("172.31.0.1", NetworkScope::Private),
            ("192.168.1.1", NetworkScope::Private),
            ("100.64.0.1", NetworkScope::Private),
            ("fd12::1", NetworkScope::Private),
            ("64:ff9b::a00:1", NetworkScope::Private),
            ("8.8.8.8", NetworkScope::Public),
            ("172.32.0.1", NetworkScope::Public),
            ("2606:4700::1", NetworkScope::Public),
            ("0.0.0.0", NetworkScope::Never),
            ("0.1.2.3", NetworkScope::Never),
            ("169.254.169.254", NetworkScope::Never),
            ("::ffff:169.254.169.254", NetworkScope::Never),
            ("2002:a9fe:a9fe::1", NetworkScope::Never),
            ("100.100.100.200", NetworkScope::Never),
            ("fd00:ec2::254", NetworkScope::Never),
            ("fe80::1", NetworkScope::Never),
            ("::", NetworkScope::Never),
            ("224.0.0.1", NetworkScope::Never),
            ("255.255.255.255", NetworkScope::Never),
        ] {
            assert_eq!(NetworkScope::of(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn nobody_is_sent_further_inward_than_the_registry_is() {
        use NetworkScope::{Loopback, Never, Private, Public};
        for (registry, target, allowed) in [
            (Public, Public, true),
            (Public, Private, false),
            (Public, Loopback, false),
            (Private, Private, true),
            (Private, Loopback, false),
            (Loopback, Loopback, true),
            (Loopback, Private, true),
            (Loopback, Never, false),
            (Never, Never, false),
        ] {
            assert_eq!(registry.may_send_to(target), allowed, "{registry:?} to {target:?}");
        }
    }
}
