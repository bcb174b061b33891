//! From where a request really comes. What a proxy says of it counts only when the proxy is one that the operator named:
//! anybody can write the header.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use poem::Request;
use poem::http::HeaderMap;

use crate::settings::HttpSettings;

/// The address that a request comes from, kept with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidNetwork;

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is neither an address nor a range such as 10.0.0.0/8")
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| InvalidNetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or(InvalidNetwork)?,
        };
        Ok(Self { address, prefix })
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let left_out = |longest: u8| u32::from(longest - self.prefix);
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(left_out(32))
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(left_out(128))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

/// Whether a text is a range of addresses.
///
/// # Errors
/// When it is not.
pub(crate) fn check(text: &str) -> Result<(), InvalidNetwork> {
    text.parse::<Network>().map(|_| ())
}

/// Proxies whose word counts.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Those of the settings; what is none is passed over, for [`HttpSettings::problems`] has refused it.
    pub(crate) fn of(settings: &HttpSettings) -> Self {
        let texts = settings.trusted_proxies.iter();
        Self(texts.filter_map(|text| text.parse().ok()).collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Where a request comes from: the last address that was added by somebody trusted and is not one of theirs.
    pub(crate) fn client(&self, request: &Request) -> Option<IpAddr> {
        peer(request).map(|peer| self.client_behind(peer, request.headers()))
    }

    fn client_behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let values = headers.get_all("x-forwarded-for");
        let said: Vec<&str> = values
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut client = peer;
        // From the right: every proxy appends whom it saw, and what stands before a stranger's address may be made up.
        for text in said.iter().rev() {
            let Some(address) = address_in(text) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// Whether the client's side of the connection is encrypted, as somebody trusted says.
    pub(crate) fn is_secure(&self, request: &Request) -> bool {
        let says_so = request
            .header("x-forwarded-proto")
            .is_some_and(|said| said.eq_ignore_ascii_case("https"));
        says_so && peer(request).is_some_and(|peer| self.trusts(peer))
    }
}

fn peer(request: &Request) -> Option<IpAddr> {
    let address = request.remote_addr().as_socket_addr()?.ip();
    Some(address.to_canonical())
}

/// Some proxies write a port behind the address.
fn address_in(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies(texts: &[&str]) -> TrustedProxies {
        TrustedProxies::of(&HttpSettings {
            trusted_proxies: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..HttpSettings::default()
        })
    }

    fn client(trusted: &TrustedProxies, peer: &str, forwarded: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        trusted.client_behind(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn a_stranger_is_believed_nothing() {
        for trusted in [proxies(&[]), proxies(&["10.0.0.0/8"])] {
            let said = ["203.0.113.9", "10.0.0.1"];
            assert_eq!(
                client(&trusted, "192.0.2.7", &said),
                "192.0.2.7".parse::<IpAddr>().unwrap()
            );
        }
    }

    #[test]
    fn a_trusted_proxy_tells_who_asked_it_and_nobody_can_write_over_that() {
        let trusted = proxies(&["10.0.0.0/8", "fd00::/8", "192.0.2.1"]);
        for (forwarded, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::1]:80, fd00::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            // What is no address ends what can be believed.
            (&["203.0.113.9, unknown"], "10.0.0.1"),
            (&["203.0.113.9, <script>, 10.0.0.2"], "10.0.0.2"),
            (&[], "10.0.0.1"),
            (&["10.0.0.5"], "10.0.0.5"),
        ] {
            let expected: IpAddr = expected.parse().unwrap();
            assert_eq!(client(&trusted, "10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn ranges_have_edges() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(network("10.0.0.0/8").contains(ip("10.255.255.255")));
        assert!(!network("10.0.0.0/8").contains(ip("11.0.0.0")));
        assert!(network("0.0.0.0/0").contains(ip("192.0.2.1")));
        assert!(!network("0.0.0.0/0").contains(ip("::1")));
        assert!(network("::/0").contains(ip("2001:db8::1")));
        assert!(network("2001:db8::/33").contains(ip("2001:db8:7fff::1")));
        assert!(!network("2001:db8::/33").contains(ip("2001:db8:8000::1")));
        for wrong in [
            "",
            "10",
            "10.0.0.0/33",
            "::1/129",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "proxy",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_says_changes_nothing(said in "[ -~]{0,200}", peer in any::<u32>()) {
            let peer = IpAddr::V4(peer.into());
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            let nobody = TrustedProxies::default();
            prop_assert_eq!(nobody.client_behind(peer, &headers), peer);
            // Through a proxy, only the address that the proxy has added counts.
            let all = TrustedProxies(vec![Network { address: peer, prefix: 32 }]);
            let seen: IpAddr = "192.0.2.7".parse().unwrap();
            prop_assume!(seen != peer);
            headers.insert("x-forwarded-for", format!("{said}, {seen}").parse().unwrap());
            prop_assert_eq!(all.client_behind(peer, &headers), seen);
        }

        #[test]
        fn a_range_is_refused_or_has_a_prefix_that_fits(text in prop_oneof![".{0,60}", "[0-9a-f:.]{1,40}/[0-9]{1,4}"]) {
            if let Ok(network) = text.parse::<Network>() {
                let longest = if network.address.is_ipv4() { 32 } else { 128 };
                prop_assert!(network.prefix <= longest);
                prop_assert!(network.contains(network.address));
            }
        }
    }
}
