//! Attribute paths: on their own, as paths of PATCH operations, as sort keys and in projections (RFC 7644 §3.10).

use scim_core::{
    filter::Filter,
    patch::{Patch, PatchErrorKind},
    path::{AttributePath, PathRef},
    quirks::{Reading, Tolerance},
    resource::{Projection, Sort},
};
use serde_json::json;

use crate::samples::{LIMITS, quirks, types};

/// Input: one byte that selects the quirks, then the text of a path.
///
/// A path consists of its parts, prints as it was read and is the same path in any case; a filter accepts exactly the
/// well-formed paths; each use of a path resolves or refuses it, and a patch that is refused changes nothing.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn path(data: &[u8]) {
    let Some((setting, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let quirks = quirks(*setting);
    match PathRef::parse(text) {
        Ok(path) => parsed(path, text),
        Err(error) => assert!(error.offset() <= text.len(), "offset {}: {error}", error.offset()),
    }
    for (kind, resources) in types() {
        let mut tolerance = Tolerance::new(quirks);
        let names = [Box::from(text)];
        let projections = [(&names[..], &[][..]), (&[], &names)];
        for (attributes, excluded) in projections {
            drop(Projection::new(kind, attributes, excluded, &mut tolerance).expect("only one list has names"));
        }
        if let Ok(path) = PathRef::parse(text)
            && let Ok(sort) = Sort::new(kind, path, false, &mut tolerance)
        {
            for left in resources {
                for right in resources {
                    let order = sort.compare(left, right);
                    assert_eq!(order, sort.compare(right, left).reverse(), "sorted by {text}");
                }
            }
        }
        for resource in resources {
            let operations = [
                Patch::builder().add(text, json!({"value": "x"})),
                Patch::builder().replace(text, "x"),
                Patch::builder().add(text, json!([{"value": "x", "type": "work"}])),
                Patch::builder().remove(text),
            ];
            for patch in operations {
                let Ok(patch) = patch.build() else { continue };
                let before = resource.clone();
                let result = patch.apply(resource, Reading::new(&LIMITS, &mut tolerance));
                assert_eq!(&before, resource);
                match result {
                    Ok(Some(after)) => check_again(&patch, &after, Tolerance::new(quirks)),
                    Ok(None) => {}
                    Err(error) => assert_eq!(error.operation(), Some(0), "{error}"),
                }
            }
        }
    }
}

fn parsed(path: PathRef<'_>, text: &str) {
    let mut whole = path.schema().map(|schema| format!("{schema}:")).unwrap_or_default();
    whole += path.attribute();
    if let Some(sub) = path.sub_attribute() {
        whole = whole + "." + sub;
    }
    assert_eq!(whole, text);
    let owned: AttributePath = path.to_string().parse().expect("it was a path");
    assert_eq!(owned.as_ref(), path);
    assert_eq!(owned, text.to_ascii_uppercase().parse().expect("a path in capitals"));
    let filter: Filter = format!("{text} pr").parse().expect("a condition on a path");
    assert_eq!(filter.to_string(), format!("{text} pr"));
}

/// One operation changes nothing more the second time.
fn check_again(patch: &Patch, after: &scim_core::resource::Resource, mut tolerance: Tolerance) {
    match patch.apply(after, Reading::new(&LIMITS, &mut tolerance)) {
        Ok(again) => assert_eq!(again, None, "{patch:?} again"),
        Err(error) => assert_eq!(error.kind(), PatchErrorKind::NoTarget, "{patch:?} again: {error}"),
    }
}
