//! The addresses that the server may call for an administrator: those outside of its own network.
//!
//! An administrator of any organization may enter a URL, and a name may resolve to any address.

use std::net::{IpAddr, SocketAddr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Looks names up, and keeps the addresses that are not the machine's own.
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

/// Whether an address is the machine's own, or one at which clouds hand secrets to the machine.
pub(crate) fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_link_local() || address.is_unspecified() || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local(),
    }
}

/// Whether a URL names the machine itself, in one of the ways that people write while they try the server out. An IPv4
/// address in the form of IPv6 is none: only [`is_inside`] knows it, which refuses.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
