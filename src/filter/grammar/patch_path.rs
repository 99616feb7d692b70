//! The grammar of PATCH paths (RFC 7644 §3.5.2): the expressions of filters with another start and end.

use nom::{
    Parser,
    combinator::{eof, opt},
};

use super::{
    expression::{attr_exp, brackets},
    state::{Parsed, State},
    word::{attr_path, blanks, sub_attr},
};
use crate::{
    filter::{Filter, FilterError, FilterErrorKind, nodes::PathSpan, tree::Subtree},
    path::{PathErrorKind, PathRef},
    quirks::Reading,
};

/// The parts of a PATCH path.
#[derive(Debug)]
pub(crate) struct PatchPathParts<'a> {
    /// The attribute. Includes the sub-attribute unless there is a condition.
    pub(crate) path: PathRef<'a>,
    /// The condition that selects values of the attribute, on the names of its sub-attributes.
    pub(crate) condition: Option<Filter>,
    /// The sub-attribute of the selected values.
    pub(crate) sub_attribute: Option<&'a str>,
}

/// A bare comparison selects the values for which it holds: `schemas eq "urn:x"` is `schemas[value eq "urn:x"]`,
/// `emails.type eq "work"` is `emails[type eq "work"]`.
pub(crate) fn parse_patch_path<'a>(
    text: &'a str,
    Reading { limits, tolerance }: Reading<'_>,
) -> Result<PatchPathParts<'a>, FilterError> {
    let state = State::new(text, limits.path_bytes, limits, tolerance)?;
    let (path, selection) = state.parse(path)?;
    let whole = PathRef::new(path.within(text), path.shape);
    Ok(match selection {
        Selection::All => PatchPathParts { path: whole, condition: None, sub_attribute: None },
        Selection::Brackets { condition, sub_attribute } => PatchPathParts {
            path: whole,
            sub_attribute: sub_attribute.map(|sub| sub.within(text)),
            condition: Some(state.take_filter(condition)),
        },
        Selection::Comparison(condition) => {
            PatchPathParts { path: whole.parent(), condition: Some(state.take_filter(condition)), sub_attribute: None }
        }
    })
}

/// The values that a PATCH path selects among the values of its attribute.
enum Selection {
    All,
    Brackets { condition: Subtree, sub_attribute: Option<PathSpan> },
    Comparison(Subtree),
}

/// `PATH = attrPath / valuePath [subAttr]`, or `attrExp` (erratum 7122), with the end of the text after it.
fn path<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, (PathSpan, Selection)> {
    let (input, path) = attr_path(state, input, FilterErrorKind::Path(PathErrorKind::Name))?;
    let (input, _) = blanks(input)?;
    let (input, selection) = match input.first() {
        None => (input, Selection::All),
        Some(b'[') => {
            let (input, condition) = brackets(state, input)?;
            let (input, sub_attribute) = opt(|input| sub_attr(state, input)).parse_complete(input)?;
            (input, Selection::Brackets { condition, sub_attribute })
        }
        Some(_) => {
            let name = match path.shape.sub_attribute() {
                Some((start, shape)) => PathSpan { start: path.start + u32::from(start), shape },
                None => state.add_name("value"),
            };
            let (input, condition) = attr_exp(state, input, name)?;
            (input, Selection::Comparison(condition))
        }
    };
    let (input, _) = (blanks, state.expect(FilterErrorKind::PathEnd, eof)).parse_complete(input)?;
    Ok((input, (path, selection)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        limits::Limits,
        quirks::{Quirks, Tolerance},
    };

    const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

    fn read(text: &str) -> Result<PatchPathParts<'_>, FilterError> {
        parse_patch_path(text, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict())))
    }

    #[test]
    fn paths_have_an_attribute_a_condition_and_a_sub_attribute() {
        let cases: &[(&str, &str, Option<&str>, Option<&str>)] = &[
            ("members", "members", None, None),
            ("name.familyName", "name.familyName", None, None),
            ("members.$ref", "members.$ref", None, None),
            (r#"addresses[type eq "work"]"#, "addresses", Some(r#"type eq "work""#), None),
            (r#"members[value eq"2819"]"#, "members", Some(r#"value eq "2819""#), None),
            (r#"members[value eq "2819"].displayName"#, "members", Some(r#"value eq "2819""#), Some("displayName")),
            (
                r#"emails[type eq "work" and (primary eq true or value co "@x")].value"#,
                "emails",
                Some(r#"type eq "work" and (primary eq true or value co "@x")"#),
                Some("value"),
            ),
            (r#"emails [ type eq "\u0061\"" ].value "#, "emails", Some(r#"type eq "a\"""#), Some("value")),
            ("emails[not(primary eq true)]", "emails", Some("not (primary eq true)"), None),
            (r#"schemas eq "urn:x""#, "schemas", Some(r#"value eq "urn:x""#), None),
            (r#"schemas eq "\u0075rn:x""#, "schemas", Some(r#"value eq "urn:x""#), None),
            (r#"emails.type eq "work""#, "emails", Some(r#"type eq "work""#), None),
            ("emails.type pr", "emails", Some("type pr"), None),
            ("emails pr", "emails", Some("value pr"), None),
        ];
        for (text, path, condition, sub_attribute) in cases {
            for prefix in ["", "urn:ietf:params:scim:schemas:core:2.0:User:", "urn:example:a.b:1:"] {
                let text = format!("{prefix}{text}");
                let parts = read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(parts.path.to_string(), format!("{prefix}{path}"), "{text}");
                assert_eq!(parts.path, PathRef::parse(&format!("{prefix}{path}")).unwrap(), "{text}");
                assert_eq!(parts.condition.map(|condition| condition.to_string()).as_deref(), *condition, "{text}");
                assert_eq!(parts.sub_attribute, *sub_attribute, "{text}");
            }
        }
    }

    #[test]
    fn the_schema_is_found_before_a_value_path() {
        let text = format!(r#"{USER}:emails[type eq "work"].value"#);
        let parts = read(&text).unwrap();
        assert_eq!(parts.path.schema(), Some(USER));
        assert_eq!(parts.path.attribute(), "emails");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        use FilterErrorKind as Kind;
        let cases: &[(&str, Kind, usize)] = &[
            ("", Kind::Path(PathErrorKind::Name), 0),
            (" title", Kind::Path(PathErrorKind::Name), 0),
            ("[type pr]", Kind::Path(PathErrorKind::Name), 0),
            ("(title)", Kind::Path(PathErrorKind::Name), 0),
            ("1a", Kind::Path(PathErrorKind::Name), 0),
            ("a.b.c", Kind::Path(PathErrorKind::SubAttributes), 3),
            ("a.", Kind::Path(PathErrorKind::Name), 2),
            ("a,b", Kind::Path(PathErrorKind::Character), 1),
            ("a:b", Kind::Path(PathErrorKind::Uri), 0),
            ("title x", Kind::Operator, 6),
            ("title)", Kind::Operator, 5),
            ("emails[]", Kind::Expression, 7),
            ("emails[type]", Kind::Operator, 11),
            ("emails[type pr", Kind::Bracket, 14),
            ("emails[type pr].", Kind::Path(PathErrorKind::Name), 16),
            ("emails[type pr].a.b", Kind::Path(PathErrorKind::SubAttributes), 16),
            ("emails[type pr].urn:x:b", Kind::Path(PathErrorKind::SubAttributes), 16),
            ("emails[type pr]value", Kind::PathEnd, 15),
            ("emails[type pr] .value", Kind::PathEnd, 16),
            ("emails[type pr].value pr", Kind::PathEnd, 22),
            ("emails[type pr][type pr]", Kind::PathEnd, 15),
            ("emails[a[b pr]]", Kind::NestedBrackets, 8),
            ("a pr and b pr", Kind::PathEnd, 5),
            ("not (a pr)", Kind::Operator, 4),
        ];
        for (text, kind, offset) in cases {
            let error = read(text).expect_err(text);
            assert_eq!((*error.kind(), error.offset()), (*kind, *offset), "{text}: {error}");
        }
        let long = "a".repeat(1_025);
        assert_eq!(read(&long).unwrap_err().kind(), &Kind::TooLong(1_024));
    }
}
