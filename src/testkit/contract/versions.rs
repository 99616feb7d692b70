//! Versions, existence and unique keys.

use std::collections::HashSet;

use super::{Expect, Failure, Kit, Stop, Store, StoreError, ValueEdit, Version, check, create, delete, edit, replace};

pub(super) async fn versions<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let (id, other) = (random.id(), random.id());
    let mut seen: HashSet<String> = HashSet::new();
    let mut fresh = |what: &str, version: Option<Version>| {
        let Some(version) = version else { return Err(Stop::from(Failure::new(what, "no version"))) };
        check(seen.insert(version.to_string()), &format!("{what} gives a version that never was"), || {
            format!("{version} again")
        })?;
        Ok(version)
    };
    let done = kit.write_one(&context, "a resource is created", create(kit.samples.subject(&id, "n0"))).await?;
    let first = fresh("a creation", done.version)?;
    let read = kit.existing(&context, resource_type, &id, "what was created").await?.version;
    check(read == first, "what is read has the version that the commit gave", || format!("{read}, not {first}"))?;

    let change = replace(kit.samples.subject(&id, "n1"), Expect::Version(first.clone()));
    let second = fresh("a replacement", kit.write_one(&context, "the version is expected", change).await?.version)?;
    let mismatch = |error: &StoreError| matches!(error, StoreError::VersionMismatch { .. });
    let stale = replace(kit.samples.subject(&id, "n2"), Expect::Version(first.clone()));
    kit.refuse(&context, "a replacement that expects an old version fails", &[stale], 0, mismatch).await?;
    let stale = delete(resource_type, &id, Expect::Version(first.clone()));
    kit.refuse(&context, "a deletion that expects an old version fails", &[stale], 0, mismatch).await?;
    let stale = replace(kit.samples.subject(&id, "n2"), Expect::Version(Version::from(u64::MAX)));
    kit.refuse(&context, "a replacement that expects a version that never was fails", &[stale], 0, mismatch).await?;

    let change = replace(kit.samples.subject(&id, "n3"), Expect::Exists);
    fresh("a replacement of whatever is there", kit.write_one(&context, "any version will do", change).await?.version)?;
    let stale = delete(resource_type, &id, Expect::Version(second));
    kit.refuse(&context, "a version does not come again", &[stale], 0, mismatch).await?;

    // A return to an earlier state is a change, too.
    let change = replace(kit.samples.subject(&id, "n1"), Expect::Exists);
    let back = fresh("going back", kit.write_one(&context, "a resource becomes what it was", change).await?.version)?;
    let done =
        kit.write_one(&context, "the version is expected", delete(resource_type, &id, Expect::Version(back))).await?;
    check(done.version.is_none() && done.changed, "a deletion leaves no version", || format!("{done:?}"))?;
    // A reused id gets a new version, too. The core never reuses an id.
    let again = create(kit.samples.subject(&id, &format!("of {id}")));
    if let Some(done) = kit.write_again(&context, "a resource is created", again).await? {
        fresh("a creation after a deletion", done.version)?;
    }
    let another = create(kit.samples.subject(&other, &format!("of {other}")));
    let done = kit.write_one(&context, "a resource is created", another).await?;
    fresh("a creation after a deletion", done.version).map(drop)
}

pub(super) async fn no_change<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let (referrer, list) = kit.referrer()?;
    let mut random = kit.random();
    let [member, group] = [random.id(), random.id()];
    kit.write_one(&context, "a member is created", create(kit.samples.subject(&member, "member"))).await?;
    kit.write_one(&context, "a list is created", create(kit.samples.named(&referrer, &group, "list"))).await?;
    let element = || super::super::samples::reference(&referrer, list, &member, &kit.samples.subject);
    let add = || ValueEdit { add: vec![element()], ..ValueEdit::default() };
    let done = kit.write_one(&context, "a member is added", edit(&referrer, list, &group, add(), 1)).await?;
    check(done.changed, "a member that is added is a change", || format!("{done:?}"))?;
    let before = kit.existing(&context, &referrer, &group, "the list").await?;
    let nothing = [
        ("adding a member that is there", add()),
        ("removing one that is not", ValueEdit { remove: vec!["nobody".into()], ..ValueEdit::default() }),
        ("putting the list in its own place", ValueEdit { clear: true, ..add() }),
        ("removing and adding it", ValueEdit { remove: vec![member.as_str().into()], ..add() }),
    ];
    for (step, (what, values)) in (2..).zip(nothing) {
        let done = kit.write_one(&context, what, edit(&referrer, list, &group, values, step)).await?;
        let after = kit.existing(&context, &referrer, &group, "the list").await?;
        let same = !done.changed
            && done.version.as_ref() == Some(&before.version)
            && after.version == before.version
            && after.resource.last_modified() == before.resource.last_modified()
            && after.resource == before.resource;
        check(same, &format!("{what} changes nothing, neither the version nor the time"), || {
            format!("{done:?}, before {}, after {}", before.version, after.version)
        })?;
    }
    Ok(())
}

pub(super) async fn existence<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let [id, missing] = [random.id(), random.id()];
    let not_found = |error: &StoreError| matches!(error, StoreError::NotFound);
    for expect in [Expect::Exists, Expect::Version(Version::from(1))] {
        let change = replace(kit.samples.subject(&missing, "n"), expect.clone());
        kit.refuse(&context, "what does not exist is not replaced", &[change], 0, not_found).await?;
        kit.refuse(
            &context,
            "what does not exist is not deleted",
            &[delete(resource_type, &missing, expect)],
            0,
            not_found,
        )
        .await?;
    }
    if let Some((referrer, list)) = &kit.samples.referrer {
        let change = edit(referrer, *list, &missing, ValueEdit { clear: true, ..ValueEdit::default() }, 1);
        kit.refuse(&context, "the list of what does not exist is not edited", &[change], 0, not_found).await?;
    }
    check(kit.get(&context, resource_type, &missing).await?.is_none(), "what does not exist is not found", || {
        "it is".to_owned()
    })?;
    kit.write_one(&context, "a resource is created", create(kit.samples.subject(&id, "n1"))).await?;
    kit.refuse(&context, "an id that is taken is not created", &[create(kit.samples.subject(&id, "n2"))], 0, |error| {
        matches!(error, StoreError::NotUnique { .. })
    })
    .await?;
    // Resources of another type do not share the id.
    for other in kit.whole.registry.resource_types().iter().filter(|other| other.name() != resource_type.name()) {
        let what = "an id does not name a resource of another type";
        check(kit.get(&context, other, &id).await?.is_none(), what, || format!("it names a {}", other.name()))?;
        kit.refuse(&context, what, &[delete(other, &id, Expect::Exists)], 0, not_found).await?;
    }
    kit.write_one(&context, "a resource is deleted", delete(resource_type, &id, Expect::Exists)).await?;
    check(kit.get(&context, resource_type, &id).await?.is_none(), "what was deleted is not found", || {
        "it is".to_owned()
    })?;
    kit.refuse(&context, "what was deleted is not deleted", &[delete(resource_type, &id, Expect::Exists)], 0, not_found)
        .await
}

pub(super) async fn unique_keys<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let unique = kit.samples.unique;
    let mut random = kit.random();
    let [a, b, c] = [random.id(), random.id(), random.id()];
    let taken = |error: &StoreError| matches!(error, StoreError::NotUnique { attribute } if *attribute == unique);
    kit.write_one(&context, "a resource is created", create(kit.samples.subject(&a, "straße"))).await?;
    let again = [create(kit.samples.subject(&b, "straße"))];
    kit.refuse(&context, "a name that is taken is not created again", &again, 0, taken).await?;
    if !resource_type.compares_exactly(unique) {
        let again = [create(kit.samples.subject(&b, "STRAßE"))];
        kit.refuse(&context, "upper and lower case are one name", &again, 0, taken).await?;
        // Neither the case functions of databases nor their collations give the same answers as the fold.
        let pairs = [["ΓΙΏΡΓΟΣ", "γιώργος"], ["jose\u{301}", "JOS\u{c9}"], ["\u{17f}\u{b5}\u{212a}", "s\u{3bc}k"]];
        for [name, other] in pairs.into_iter().filter(|_| !kit.whole.is_ascii) {
            kit.write_one(&context, "a resource is created", create(kit.samples.subject(&random.id(), name))).await?;
            let again = [create(kit.samples.subject(&random.id(), other))];
            kit.refuse(&context, "names with the same fold are one name", &again, 0, taken).await?;
        }
        // A database must not equate names with different folds.
        let others = ["strasse", "stra\u{df}e\u{301}", "jose", "\u{130}", "i", "\u{131}"];
        for name in others.into_iter().filter(|name| !kit.whole.is_ascii || name.is_ascii()) {
            kit.write_one(&context, "another name is another", create(kit.samples.subject(&random.id(), name))).await?;
        }
    }
    kit.write_one(&context, "another name is free", create(kit.samples.subject(&b, "b"))).await?;
    let take = [replace(kit.samples.subject(&b, "straße"), Expect::Exists)];
    kit.refuse(&context, "a name that is taken is not taken by a replacement", &take, 0, taken).await?;
    let keep = replace(kit.samples.subject(&a, "straße"), Expect::Exists);
    kit.write_one(&context, "a resource keeps its name", keep).await?;
    let rename = replace(kit.samples.subject(&a, "a"), Expect::Exists);
    kit.write_one(&context, "a resource is renamed", rename).await?;
    let take = replace(kit.samples.subject(&b, "straße"), Expect::Exists);
    kit.write_one(&context, "the name that it had is free", take).await?;
    kit.write_one(&context, "a resource is deleted", delete(resource_type, &b, Expect::Exists)).await?;
    let again = create(kit.samples.subject(&c, "straße"));
    kit.write_one(&context, "the name of what was deleted is free", again).await?;
    for name in super::super::samples::HOSTILE {
        let id = random.id();
        kit.write_one(&context, "any text can be a name", create(kit.samples.subject(&id, name))).await?;
        let again = [create(kit.samples.subject(&random.id(), name))];
        kit.refuse(&context, "any name can be taken", &again, 0, taken).await?;
    }
    Ok(())
}
