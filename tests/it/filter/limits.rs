//! Filters and paths through the public API: limits, deep input, building, walking, and properties.

use proptest::prelude::*;
use scim_core::{
    filter::{
        BuildError, BuildErrorKind, Expression, Filter, FilterErrorKind as Kind, Literal, LiteralBuf, Operand, Operator,
    },
    limits::Limits,
    path::{AttributePath, PathErrorKind},
    quirks::{Quirks, Reading, Tolerance},
};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn filter(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn path(text: &str) -> AttributePath {
    text.parse().unwrap()
}

fn unlimited() -> Limits {
    let mut limits = Limits::default();
    limits.filter_bytes = usize::MAX;
    limits.filter_depth = usize::MAX;
    limits.filter_terms = usize::MAX;
    limits
}

#[test]
fn expressions_show_what_was_read() {
    let filter = filter(&format!(r#"{USER}:name.givenName ge -1.0 and (active eq true or a ne "\u00e9")"#));
    let Expression::And(operands) = filter.expression() else { panic!("{filter}") };
    assert_eq!(operands.len(), 2);
    let mut operands = operands.into_iter();
    let Some(Expression::Compare { path, operator, value }) = operands.next() else { panic!("{filter}") };
    assert_eq!((path.schema(), path.attribute(), path.sub_attribute()), (Some(USER), "name", Some("givenName")));
    assert_eq!((operator, value), (Operator::Ge, Literal::Number("-1.0")));
    let Some(Expression::Or(operands)) = operands.next() else { panic!("{filter}") };
    let values: Vec<_> = operands
        .into_iter()
        .map(|operand| match operand {
            Expression::Compare { value, .. } => value,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(values, [Literal::Boolean(true), Literal::String("é")]);
}

#[test]
fn limits_hold_while_reading() {
    let read = |text: &str, limits: &Limits| {
        Filter::parse(text, Reading::new(limits, &mut Tolerance::new(Quirks::default())))
            .map_err(|error| (*error.kind(), error.offset()))
    };
    let mut limits = Limits::default();
    limits.filter_bytes = 10;
    assert!(read("a eq 12345", &limits).is_ok());
    assert_eq!(read("a eq 123456", &limits), Err((Kind::TooLong(10), 10)));

    let mut limits = Limits::default();
    limits.filter_depth = 2;
    for text in ["((a pr))", "not (not (a pr))", "not(a[b pr])", "(a[b pr]) and (c pr) and (d[e pr])"] {
        assert!(read(text, &limits).is_ok(), "{text}");
    }
    assert_eq!(read("(((a pr)))", &limits), Err((Kind::TooDeep(2), 2)));
    assert_eq!(read("not (not (not (a pr)))", &limits), Err((Kind::TooDeep(2), 14)));
    assert_eq!(read("((a[b pr]))", &limits), Err((Kind::TooDeep(2), 3)));
    assert_eq!(read("(a[(b pr)])", &limits), Err((Kind::TooDeep(2), 3)));
    assert_eq!(read("(a[b pr or c pr].d pr)", &limits), Err((Kind::TooDeep(2), 16)));

    let mut limits = Limits::default();
    limits.filter_terms = 3;
    assert!(read("a pr and b[c pr] or d pr", &limits).is_ok());
    assert_eq!(read("a pr and b[c pr and d eq 1] or e pr", &limits), Err((Kind::TooManyTerms(3), 31)));
    assert_eq!(read("a pr and b pr and c[d pr].e pr", &limits), Err((Kind::TooManyTerms(3), 26)));
}

/// The threads of a web server have 2 MiB and more; this thread has an eighth of that.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn deep_input_is_an_error() {
    on_a_small_stack(|| {
        for open in ["(", "not (", "not(", "[", "a[", "a[b pr].b pr or (", "a pr and (", "a pr or not (b pr and ("] {
            let text = open.repeat(100_000);
            for limits in [Limits::default(), unlimited()] {
                let error =
                    Filter::parse(&text, Reading::new(&limits, &mut Tolerance::new(Quirks::default()))).unwrap_err();
                assert!(!error.render(&text).to_string().is_empty());
            }
            let text = open.repeat(1_000);
            let error =
                Filter::parse(&text, Reading::new(&unlimited(), &mut Tolerance::new(Quirks::default()))).unwrap_err();
            assert!(error.offset() < Filter::MAX_DEPTH * (open.len() + 1), "{error}");
        }
    });
}

#[test]
fn the_deepest_filter_is_read_walked_and_dropped() {
    on_a_small_stack(|| {
        let read = |text: &str| Filter::parse(text, Reading::new(&unlimited(), &mut Tolerance::new(Quirks::strict())));
        for open in ["(a pr or b pr and ", "not (", "(", "not (a pr or b pr and "] {
            let deep = |levels: usize| format!("{}c[d pr]{}", open.repeat(levels - 1), ")".repeat(levels - 1));
            let filter = read(&deep(Filter::MAX_DEPTH)).unwrap();
            assert_eq!(read(&filter.to_string()).unwrap(), filter);
            assert!(format!("{:?}", filter.clone().expression()).len() > 10);
            assert_eq!(*read(&deep(Filter::MAX_DEPTH + 1)).unwrap_err().kind(), Kind::TooDeep(Filter::MAX_DEPTH));
        }
    });
}

#[test]
fn a_long_flat_filter_is_not_deep() {
    on_a_small_stack(|| {
        for join in [" and ", " or "] {
            let text = vec![r#"userName eq "x""#; 1_000].join(join);
            let filter = filter(&text);
            assert_eq!(filter.to_string(), text);
            let (Expression::And(operands) | Expression::Or(operands)) = filter.expression() else { panic!("{join}") };
            assert_eq!(operands.len(), 1_000);
        }
        let text = vec!["a pr"; 1_025].join(" or ");
        assert_eq!(*text.parse::<Filter>().unwrap_err().kind(), Kind::TooManyTerms(1_024));
    });
}

#[test]
fn hosts_put_filters_together() {
    let name = Filter::compare(path("userName"), Operator::Eq, "b\"j").unwrap();
    let title = Filter::present(path("title"));
    let work = Filter::compare(path("type"), Operator::Eq, "work").unwrap();
    let count = Filter::compare(path("count"), Operator::Gt, 5).unwrap();
    let active = Filter::compare(path("active"), Operator::Ne, true).unwrap();

    let either = Filter::or([name.clone(), title.clone()]).unwrap();
    let all = Filter::and([either.clone(), Filter::and([count, active]).unwrap(), either.clone().negate().unwrap()]);
    assert_eq!(
        all.unwrap().to_string(),
        r#"(userName eq "b\"j" or title pr) and count gt 5 and active ne true and not (userName eq "b\"j" or title pr)"#
    );
    assert_eq!(Filter::or([title.clone()]).unwrap(), title);
    assert_eq!(Filter::or([either.clone(), either.clone()]).unwrap().to_string(), format!("{either} or {either}"));
    let emails = Filter::value_path(path("emails"), Filter::or([work.clone(), title]).unwrap()).unwrap();
    assert_eq!(emails.to_string(), r#"emails[type eq "work" or title pr]"#);

    let kind = |result: Result<Filter, BuildError>| *result.unwrap_err().kind();
    assert_eq!(kind(Filter::and([])), BuildErrorKind::Empty);
    let nested = Filter::and([work.clone(), emails.negate().unwrap()]).unwrap();
    assert_eq!(kind(Filter::value_path(path("a"), nested)), BuildErrorKind::NestedBrackets);
    assert_eq!(kind(Filter::compare(path("a"), Operator::Eq, "x\0")), BuildErrorKind::Nul);
    assert_eq!(LiteralBuf::number("01").unwrap_err().kind(), &BuildErrorKind::Number);
    let mut deep = work;
    for _ in 0..Filter::MAX_DEPTH {
        deep = deep.negate().unwrap();
    }
    assert_eq!(kind(deep.negate()), BuildErrorKind::TooDeep);
}

#[test]
fn parts_become_filters_of_their_own() {
    let filter = filter(r#"a eq "\u0041" and (b pr or not (c eq 1 and d pr)) and e[f pr or g eq "x"]"#);
    let parts: Vec<_> = filter.conjuncts().map(Operand::to_filter).collect();
    let texts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [r#"a eq "A""#, "b pr or not (c eq 1 and d pr)", r#"e[f pr or g eq "x"]"#]);
    assert_eq!(Filter::and(parts.clone()).unwrap(), filter);
    assert!(Filter::value_path(path("x"), parts[2].clone()).is_err());
    assert!(Filter::value_path(path("x"), parts[1].clone()).is_ok());
    assert_eq!(parts[2].conjuncts().map(Operand::to_filter).collect::<Vec<_>>(), [parts[2].clone()]);
}

#[test]
fn filters_and_paths_travel_as_strings() {
    let filter: Filter = serde_json::from_str(r#""a EQ \"x\\n\"""#).unwrap();
    assert_eq!(serde_json::to_string(&filter).unwrap(), r#""a eq \"x\\n\"""#);
    assert!(serde_json::from_str::<Filter>(r#""a eq""#).unwrap_err().to_string().contains("expected a string"));
    let path: AttributePath = serde_json::from_str(r#""name.givenName""#).unwrap();
    assert_eq!(serde_json::to_string(&path).unwrap(), r#""name.givenName""#);
    assert!(serde_json::from_str::<AttributePath>(r#""a.b.c""#).is_err());
}

#[test]
fn paths_are_split_and_compared() {
    let cases: &[(&str, Option<&str>, &str, Option<&str>)] = &[
        ("userName", None, "userName", None),
        ("x", None, "x", None),
        ("$ref", None, "$ref", None),
        ("name.givenName", None, "name", Some("givenName")),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", Some(USER), "name", Some("givenName")),
        ("urn:ietf:params:scim:schemas:core:2.0:User", Some("urn:ietf:params:scim:schemas:core:2.0"), "User", None),
        ("https://x.example/a?b=1#c:d.e", Some("https://x.example/a?b=1#c"), "d", Some("e")),
    ];
    for (text, schema, attribute, sub_attribute) in cases {
        let path = path(text);
        assert_eq!((path.schema(), path.attribute(), path.sub_attribute()), (*schema, *attribute, *sub_attribute));
        assert_eq!(path.to_string(), *text);
        assert_eq!(path, text.to_uppercase().parse().unwrap());
    }
    let refused: &[(&str, PathErrorKind, usize)] = &[
        ("", PathErrorKind::Name, 0),
        (" a", PathErrorKind::Name, 0),
        ("a ", PathErrorKind::Character, 1),
        ("a[b]", PathErrorKind::Character, 1),
        ("a.b.c", PathErrorKind::SubAttributes, 3),
        ("a:b", PathErrorKind::Uri, 0),
        ("urn:x y:a", PathErrorKind::Uri, 0),
        ("urn:x:a\u{e9}", PathErrorKind::Character, 7),
    ];
    for (text, kind, offset) in refused {
        let error = text.parse::<AttributePath>().expect_err(text);
        assert_eq!((*error.kind(), error.offset()), (*kind, *offset), "{text}");
    }
    let kind = |text: String| text.parse::<AttributePath>().map_err(|error| *error.kind());
    assert!(kind("a".repeat(65_535)).is_ok());
    assert_eq!(kind("a".repeat(65_536)), Err(PathErrorKind::TooLong));
}

fn any_path() -> impl Strategy<Value = AttributePath> {
    "(urn:[a-z0-9.:]{0,8}[a-z0-9]:)?([a-zA-Z$][a-zA-Z0-9_$-]{0,5}|not|and|or|pr|eq)(\\.[a-z$][a-zA-Z]{0,4})?"
        .prop_map(|text| text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn any_literal() -> impl Strategy<Value = LiteralBuf> {
    prop_oneof![
        Just(LiteralBuf::NULL),
        any::<bool>().prop_map(LiteralBuf::from),
        any::<i64>().prop_map(LiteralBuf::from),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?"
            .prop_map(|text| LiteralBuf::number(&text).unwrap()),
        any::<String>().prop_map(|text| LiteralBuf::from(text.replace('\0', "0"))),
        "[\"\\\\\u{1}-\u{1f}a()\\[\\] ]{0,8}".prop_map(LiteralBuf::from),
    ]
}

fn any_operator() -> impl Strategy<Value = Operator> {
    use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    prop::sample::select(vec![Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le])
}

fn any_term() -> impl Strategy<Value = Filter> {
    prop_oneof![
        (any_path(), any_operator(), any_literal())
            .prop_map(|(path, operator, value)| Filter::compare(path, operator, value).unwrap()),
        any_path().prop_map(Filter::present),
    ]
}

fn joined(term: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    term.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| Filter::and(parts).unwrap()),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| Filter::or(parts).unwrap()),
            inner.prop_map(|part| part.negate().unwrap()),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    joined(prop_oneof![
        4 => any_term(),
        1 => (any_path(), joined(any_term())).prop_map(|(path, part)| Filter::value_path(path, part).unwrap()),
    ])
}

/// Checks that the text of a filter reads back as the same filter, as a whole and in its parts.
fn round_trip(filter: &Filter) -> Result<(), TestCaseError> {
    let text = filter.to_string();
    let again = Filter::parse(&text, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict())));
    prop_assert_eq!(again.as_ref(), Ok(filter), "{}", &text);
    prop_assert_eq!(again.unwrap().to_string(), &*text);
    let parts: Vec<_> = filter.conjuncts().map(Operand::to_filter).collect();
    prop_assert_eq!(&Filter::and(parts).unwrap(), filter);
    Ok(())
}

proptest! {
    #[test]
    fn a_filter_prints_as_what_it_reads_back_as(filter in any_filter()) {
        round_trip(&filter)?;
    }

    #[test]
    fn blanks_and_parentheses_change_nothing(filter in any_filter()) {
        let read = format!(" ( ({filter}\t)) ").parse::<Filter>();
        prop_assert_eq!(read, Ok(filter));
    }

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        if let Ok(filter) = text.parse::<Filter>() {
            round_trip(&filter)?;
        }
        let _ = text.parse::<AttributePath>();
    }

    #[test]
    fn no_arrangement_of_words_makes_reading_panic(words in prop::collection::vec(prop::sample::select(vec![
        " ", " ", " ", "(", ")", "[", "]", "not", "not (", " and ", " or ", "pr", "eq", "a", "b.c", "urn:x:1.0:y", "\"",
        "\"x\"", "\\", "\\u0041", "\\ud83d", "1", "-", "1.5e3", ".", ":", "true", "null", "é", "\n", "\0", "'",
        "a pr", "b eq \"\\n\"", "a[", "].c ",
    ]), 0..24)) {
        let text = words.concat();
        match text.parse::<Filter>() {
            Ok(filter) => round_trip(&filter)?,
            Err(error) => {
                prop_assert!(error.offset() <= text.len() && text.is_char_boundary(error.offset()));
                prop_assert!(!error.render(&text).to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn no_mutation_of_a_filter_makes_reading_panic(
        filter in any_filter(), place in any::<prop::sample::Index>(), byte in 0_u8..128, cut in any::<bool>(),
    ) {
        let mut text = filter.to_string().into_bytes();
        let place = place.index(text.len());
        if cut { text.truncate(place) } else { text[place] = byte }
        if let Ok(text) = String::from_utf8(text) && let Ok(filter) = text.parse::<Filter>() {
            round_trip(&filter)?;
        }
    }
}
