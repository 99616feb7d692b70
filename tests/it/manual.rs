//! The guides of the manual: the store that "write your own store" shows in parts passes the kit, and the guides show
//! their files.
//!
//! Its parts are files, each of which includes the previous part, so every part can be a doctest that begins with the
//! previous parts. The guide shows the text of the files verbatim.

#[allow(dead_code, reason = "the guide shows whole types")]
mod own_store {
    include!("../manual/store.rs");

    #[cfg(feature = "testkit")]
    #[test]
    fn the_store_of_the_guide_passes_every_check() {
        use scim_core::testkit::{Check, Outcome, StoreKit};

        let (directory, registry) = (Arc::new(Directory::default()), registry().unwrap());
        let (users, types) = (Arc::clone(&directory), registry.clone());
        let kit = StoreKit::new(Arc::clone(&directory), registry.clone(), 1).with_access(move |sign_in| {
            let (users, types) = (Arc::clone(&users), types.clone());
            async move { crate::fixture::sign_in::admits(&users, &types, &sign_in).await }
        });
        let kit = kit.with_outbox(move |context| {
            let rows = directory.begin().outbox.clone();
            let events = rows.iter().map(|row| Event::from_json(&registry, row).map_err(StoreError::backend));
            let events: Result<Vec<Event>, StoreError> = events.collect();
            let tenant = context.tenant().clone();
            Box::pin(async move {
                let mut events = events?;
                events.retain(|event| event.tenant() == &tenant);
                Ok(events)
            })
        });
        let report = smol::block_on(kit.with_many(2_000).run_all());
        let passed = report.iter().filter(|(_, outcome)| **outcome == Outcome::Passed).count();
        assert_eq!(passed, Check::ALL.len(), "{report}");
    }
}

#[test]
fn the_guide_shows_the_parts_to_the_letter() {
    const GUIDE: &str = include_str!("../../src/manual/write_your_own_store.md");
    let parts = [
        ("registry", include_str!("../manual/registry.rs")),
        ("rows", include_str!("../manual/rows.rs")),
        ("reads", include_str!("../manual/reads.rs")),
        ("pushdown", include_str!("../manual/pushdown.rs")),
        ("writes", include_str!("../manual/writes.rs")),
        ("store", include_str!("../manual/store.rs")),
    ];
    for (name, part) in parts {
        let shown = part.split_once(".rs\");\n\n").map_or(part, |(_, rest)| rest);
        assert!(GUIDE.contains(&format!("# fn main() {{}}\n{shown}```\n")), "the guide shows another `{name}.rs`");
    }
}

/// The store that keeps deleted accounts is tested in `store::restoration`.
#[test]
fn the_guide_to_existing_users_shows_its_store_to_the_letter() {
    const GUIDE: &str = include_str!("../../src/manual/existing_users.md");
    let store = include_str!("../manual/keeping.rs");
    assert!(GUIDE.contains(&format!("# fn main() {{}}\n{store}```\n")), "the guide shows another `keeping.rs`");
}

/// The package of the hosts is not part of the published crate.
#[test]
fn the_readme_and_the_front_page_show_the_host_for_axum_to_the_letter() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(host) = std::fs::read_to_string(root.join("examples/hosts/src/bin/axum.rs")) else {
        println!("skipped: examples/hosts is missing, as in the published package");
        return;
    };
    let shown = host.split("\n#[cfg(test)]").next().unwrap().trim_end();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust,ignore\n{shown}\n```\n")), "README.md");
    let lines: Vec<String> = shown.lines().map(|line| format!("//! {line}").trim_end().to_owned()).collect();
    let front_page = std::fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(front_page.contains(&format!("//! ```ignore\n{}\n//! ```\n", lines.join("\n"))), "src/lib.rs");
}
