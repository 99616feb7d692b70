//! The addresses that the server may call on behalf of an administrator: addresses outside of its own network.
//!
//! An administrator of any organization may enter a URL, and a host name may resolve to any address.

use std::net::{IpAddr, SocketAddr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Resolves host names, and keeps only the addresses for which [`is_inside`] is false.
#[derive(Debug)]
pub(crate) struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let outside = found.filter(|address| !is_inside(address.ip())).collect::<Vec<SocketAddr>>();
            if outside.is_empty() {
                return Err("the name has no address outside of our network".into());
            }
            let addresses: Addrs = Box::new(outside.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address belongs to the machine itself, or is one where clouds give secrets to the machine.
pub(crate) fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_link_local() || address.is_unspecified() || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local(),
    }
}

/// Whether a URL names the machine itself, in one of the forms that people write in a trial. An IPv4-mapped IPv6
/// address does not count; [`is_inside`] recognizes it, and the request is then refused.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
