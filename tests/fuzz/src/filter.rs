//! Filters: reading, printing, compiling and evaluating (RFC 7644 §3.4.2.2).

use scim_core::{
    filter::Filter,
    quirks::{Quirks, Reading, Tolerance},
};

use crate::samples::{LIMITS, quirks, types};

/// Input: one byte that selects the quirks, then the text of a filter.
///
/// A filter prints as a filter with the same tree; an error is at a place in the text; `not` inverts, `and` and `or` of
/// equal operands change nothing, and the conjuncts together are the filter.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn filter(data: &[u8]) {
    let Some((setting, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut tolerance = Tolerance::new(quirks(*setting));
    let filter = match Filter::parse(text, Reading::new(&LIMITS, &mut tolerance)) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(text.is_char_boundary(error.offset()), "offset {}: {error}", error.offset());
            drop(error.render(text).to_string());
            return;
        }
    };
    let printed = filter.to_string();
    let strict = Filter::parse(&printed, Reading::new(&LIMITS, &mut Tolerance::new(Quirks::strict())))
        .unwrap_or_else(|error| panic!("printed {printed:?}: {error}"));
    assert_eq!(strict, filter, "printed {printed:?}");
    assert_eq!(strict.to_string(), printed);
    for (kind, resources) in types() {
        let Ok(matcher) = filter.compile(kind, &mut tolerance) else { continue };
        let compile = |filter: &Filter| {
            filter.compile(kind, &mut Tolerance::new(quirks(*setting))).expect("made of a filter that compiles")
        };
        let negated = filter.clone().negate().ok().map(|filter| compile(&filter));
        let twice = [Filter::and([filter.clone(), filter.clone()]), Filter::or([filter.clone(), filter.clone()])];
        let twice = twice.map(|filter| filter.ok().map(|filter| compile(&filter)));
        let conjuncts: Vec<_> = filter.conjuncts().map(|conjunct| compile(&conjunct.to_filter())).collect();
        for resource in resources {
            let matches = matcher.matches(resource.root());
            if let Some(negated) = &negated {
                assert_ne!(negated.matches(resource.root()), matches, "not ({printed})");
            }
            for twice in twice.iter().flatten() {
                assert_eq!(twice.matches(resource.root()), matches, "{printed} twice");
            }
            let all = conjuncts.iter().all(|conjunct| conjunct.matches(resource.root()));
            assert_eq!(all, matches, "the conjuncts of {printed}");
        }
    }
}
