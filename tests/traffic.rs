#![cfg(feature = "testkit")]
#![allow(missing_docs, reason="x")]
mod host;
use host::*;
use scim_core::{*, testkit::*, store::*};

#[test]
fn probe() {
    for traffic in Traffic::all() {
        let h = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::entra());
        assert!(traffic.steps().len() > 0, "{}", traffic.name());
        let replay = now(traffic.replay(&h.provider, &h.context, 1));
        for step in replay.iter().filter(|s| *s.verdict() != Verdict::Passed) { println!("== {}\n{step}", traffic.name()); }
    }
}
