//! The grammar of filters, case by case (RFC 7644 §3.4.2.2, §3.10; RFC 7643 §2.1).

use scim_core::{
    filter::{Filter, FilterError, FilterErrorKind as Kind},
    limits::Limits,
    path::PathErrorKind,
    quirks::{Quirk, Quirks, Reading, Tolerance},
};

fn strict(text: &str) -> Result<Filter, FilterError> {
    Filter::parse(text, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict())))
}

/// The requirement, the filter and its canonical text; `=` stands for the filter itself.
const ACCEPTED: &[(&str, &str, &str)] = &[
    // The examples of RFC 7644 §3.4.2.2 and §3.5.2.
    ("7644-3.4.2.2-05", r#"userName eq "bjensen""#, "="),
    ("7644-3.4.2.2-38", r#"name.familyName co "O'Malley""#, "="),
    ("7644-3.4.2.2-09", r#"userName sw "J""#, "="),
    ("7644-3.4.2.2-45", r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#, "="),
    ("7644-3.4.2.2-11", "title pr", "="),
    ("7644-3.4.2.2-14", r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, "="),
    ("7644-3.4.2.2-14", r#"meta.lastModified ge "2011-05-13T04:42:34Z""#, "="),
    ("7644-3.4.2.2-14", r#"meta.lastModified lt "2011-05-13T04:42:34Z""#, "="),
    ("7644-3.4.2.2-14", r#"meta.lastModified le "2011-05-13T04:42:34Z""#, "="),
    ("7644-3.4.2.2-18", r#"title pr and userType eq "Employee""#, "="),
    ("7644-3.4.2.2-19", r#"title pr or userType eq "Intern""#, "="),
    ("7644-3.4.2.2-44", r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, "="),
    ("7644-3.4.2.2-21", r#"userType eq "E" and (emails co "example.com" or emails.value co "example.org")"#, "="),
    ("7644-3.4.2.2-20", r#"userType ne "E" and not (emails co "example.com" or emails.value co "a.org")"#, "="),
    ("7644-3.4.2.2-21", r#"userType eq "E" and (emails.type eq "x")"#, r#"userType eq "E" and emails.type eq "x""#),
    ("7644-3.4.2.2-26", r#"userType eq "E" and emails[type eq "work" and value co "@example.com"]"#, "="),
    ("7644-3.4.2.2-22", r#"emails[type eq "work" and value co "@a"] or ims[type eq "x" and value co "@b"]"#, "="),
    ("A012", r#"members[value eq"2819c223-7f76"]"#, r#"members[value eq "2819c223-7f76"]"#),
    // Each operator, in any case.
    ("7644-3.4.2.2-31", r#"a eq "x""#, "="),
    ("7644-3.4.2.2-31", r#"a ne "x""#, "="),
    ("7644-3.4.2.2-31", r#"a co "x""#, "="),
    ("7644-3.4.2.2-31", r#"a sw "x""#, "="),
    ("7644-3.4.2.2-31", r#"a ew "x""#, "="),
    ("7644-3.4.2.2-31", "a gt 1", "="),
    ("7644-3.4.2.2-31", "a ge 1", "="),
    ("7644-3.4.2.2-31", "a lt 1", "="),
    ("7644-3.4.2.2-31", "a le 1", "="),
    ("7644-3.4.2.2-03", r#"userName Eq "john""#, r#"userName eq "john""#),
    ("7643-2.1-04", r#"userName EQ "john""#, r#"userName eq "john""#),
    ("7643-2.1-04", r#"userName sW "john""#, r#"userName sw "john""#),
    ("7643-2.1-04", "title PR", "title pr"),
    ("7643-2.1-04", "title Pr AND nickName pR", "title pr and nickName pr"),
    ("7643-2.1-04", "title pr OR nickName pr", "title pr or nickName pr"),
    ("7643-2.1-04", "NOT (title pr)", "not (title pr)"),
    ("7643-2.1-04", "NoT(title pr)", "not (title pr)"),
    // Precedence and grouping.
    ("7644-3.4.2.2-35", "a pr or b pr and c pr", "="),
    ("7644-3.4.2.2-35", "a pr and b pr or c pr", "="),
    ("7644-3.4.2.2-35", "a pr or (b pr and c pr)", "a pr or b pr and c pr"),
    ("7644-3.4.2.2-35", "(a pr and b pr) or c pr", "a pr and b pr or c pr"),
    ("7644-3.4.2.2-21", "(a pr or b pr) and c pr", "="),
    ("7644-3.4.2.2-21", "a pr and (b pr or c pr)", "="),
    ("7644-3.4.2.2-35", "not (a pr) and b pr", "="),
    ("7644-3.4.2.2-35", "not (a pr and b pr)", "="),
    ("7644-3.4.2.2-36", "a pr and b pr and c pr", "="),
    ("7644-3.4.2.2-36", "(a pr and b pr) and c pr", "a pr and b pr and c pr"),
    ("7644-3.4.2.2-36", "a pr and (b pr and c pr)", "a pr and b pr and c pr"),
    ("7644-3.4.2.2-36", "(a pr or b pr) or (c pr or d pr)", "a pr or b pr or c pr or d pr"),
    ("7644-3.4.2.2-36", "((a pr or b pr) and c pr) and d pr", "(a pr or b pr) and c pr and d pr"),
    ("7644-3.4.2.2-36", "(a pr and b pr) and (c pr and d pr) or e pr", "a pr and b pr and c pr and d pr or e pr"),
    ("7644-3.4.2.2-21", "((((a pr))))", "a pr"),
    ("7644-3.4.2.2-21", "(((a pr or b pr)))", "a pr or b pr"),
    ("7644-3.4.2.2-21", "((a pr) and ((b pr) or (c pr)))", "a pr and (b pr or c pr)"),
    ("7644-3.4.2.2-21", "(a pr or b pr) and (c pr or d pr)", "="),
    ("7644-3.4.2.2-25", "not (not (a pr))", "="),
    ("7644-3.4.2.2-25", "not (((not ((a pr)))))", "not (not (a pr))"),
    // `not` with and without a space.
    ("7644-3.4.2.2-34", "not(a pr)", "not (a pr)"),
    ("7644-3.4.2.2-34", "not   (a pr)", "not (a pr)"),
    ("7644-3.4.2.2-34", "not\t( a pr )", "not (a pr)"),
    ("7644-3.4.2.2-34", "a pr and not(b pr)", "a pr and not (b pr)"),
    // White space.
    ("A012", "  a   eq\t1  ", "a eq 1"),
    ("A012", "( a pr )", "a pr"),
    ("A012", "(a pr)and(b pr)", "a pr and b pr"),
    ("A012", "(a pr)or not(b pr)", "a pr or not (b pr)"),
    ("A012", r#"emails [ type eq "work" ]"#, r#"emails[type eq "work"]"#),
    ("A012", r#"emails[type eq "work"]and title pr"#, r#"emails[type eq "work"] and title pr"#),
    ("A012", r#"a eq"x" and b co"y""#, r#"a eq "x" and b co "y""#),
    // Values.
    ("7644-3.4.2.2-30", "a eq null", "="),
    ("7644-3.4.2.2-30", "a ne null", "="),
    ("7644-3.4.2.2-30", "active eq true", "="),
    ("7644-3.4.2.2-30", "active eq false", "="),
    ("7644-3.4.2.2-30", "a eq 0", "="),
    ("7644-3.4.2.2-30", "a eq -0", "="),
    ("7644-3.4.2.2-30", "a eq -17", "="),
    ("7644-3.4.2.2-30", "a eq 1.50", "="),
    ("7644-3.4.2.2-30", "a eq -1.5e3", "="),
    ("7644-3.4.2.2-30", "a eq 1E+30", "="),
    ("7644-3.4.2.2-30", "a eq 1e-7", "="),
    ("7644-3.4.2.2-30", "a eq 123456789012345678901234567890.10", "="),
    ("7644-3.4.2.2-30", r#"a eq """#, "="),
    ("7644-3.4.2.2-30", r#"a eq "\"""#, "="),
    ("7644-3.4.2.2-30", r#"a eq "\\""#, "="),
    ("7644-3.4.2.2-30", r#"a eq "\/""#, r#"a eq "/""#),
    ("7644-3.4.2.2-30", r#"a eq "\b\f\n\r\t""#, "="),
    ("7644-3.4.2.2-30", r#"a eq "\u0041\u00e9\u20AC""#, r#"a eq "Aé€""#),
    ("7644-3.4.2.2-30", r#"a eq "\uD83D\ude00!""#, r#"a eq "😀!""#),
    ("7644-3.4.2.2-30", r#"a eq "\u0001\u001F""#, r#"a eq "\u0001\u001f""#),
    ("7644-3.4.2.2-30", r#"a eq "naïve 😀 Σ""#, "="),
    ("7644-3.4.2.2-30", r#"a eq "(not) [a] and 'or' pr""#, "="),
    ("7644-3.4.2.2-30", r#"a eq "x\"y" and b eq "z\\""#, "="),
    // Paths.
    ("7643-2.1-02", r#"a-b_c$1 eq "x""#, "="),
    ("7643-2.1-02", r#"$ref eq "x""#, "="),
    ("7643-2.1-02", r#"members.$ref eq "x""#, "="),
    ("7643-2.1-02", r#"members[$ref eq "x"]"#, "="),
    ("7644-3.4.2.2-32", r#"name.givenName eq "x""#, "="),
    ("7644-3.10-01", "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName pr", "="),
    ("7644-3.10-03", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr", "="),
    ("7644-3.10-05", "urn:example:a.b.c:1.0:x.y pr", "="),
    ("7644-3.10-01", "https://example.com/schemas/1.0:badge pr", "="),
    ("7644-3.10-01", r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"]"#, "="),
    ("7644-3.10-01", "emails[urn:example:x:type pr]", "="),
    // Names that look like keywords: the grammar has no reserved words.
    ("7644-3.4.2.2-33", "pr pr", "="),
    ("7644-3.4.2.2-33", r#"eq eq "eq""#, "="),
    ("7644-3.4.2.2-33", "not pr", "="),
    ("7644-3.4.2.2-33", "not (not pr)", "="),
    ("7644-3.4.2.2-33", "and pr and and pr or or pr", "="),
    ("7644-3.4.2.2-33", "nothing pr and android pr or order pr", "="),
    ("7644-3.4.2.2-33", "true eq true", "="),
    // Conditions in brackets.
    ("7644-3.4.2.2-27", r#"emails[type eq "work" or type eq "home"]"#, "="),
    ("7644-3.4.2.2-27", r#"emails[(type eq "work" or type eq "home") and primary eq true]"#, "="),
    ("7644-3.4.2.2-27", r#"emails[not (type eq "work")]"#, "="),
    ("7644-3.4.2.2-27", "emails[not(type pr)and value pr]", "emails[not (type pr) and value pr]"),
    ("7644-3.4.2.2-27", "emails[(type pr)]", "emails[type pr]"),
    ("7644-3.4.2.2-22", "not (emails[type pr])", "="),
    ("7644-3.4.2.2-22", "(emails[type pr] or title pr) and ims[type pr]", "="),
];

#[test]
fn filters_are_read_and_printed() {
    for (id, text, canonical) in ACCEPTED {
        let canonical = if *canonical == "=" { text } else { canonical };
        let filter = strict(text).unwrap_or_else(|error| panic!("{id} {text}: {error}"));
        assert_eq!(filter.to_string(), *canonical, "{id} {text}");
        let again = strict(canonical).unwrap_or_else(|error| panic!("{id} {canonical}: {error}"));
        assert_eq!(again, filter, "{id} {text}");
    }
}

const fn path(kind: PathErrorKind) -> Kind {
    Kind::Path(kind)
}

/// The requirement, the text, the error kind and its offset.
const REFUSED: &[(&str, &str, Kind, usize)] = &[
    // Empty text, or no expression.
    ("7644-3.4.2.2-04", "", Kind::Expression, 0),
    ("7644-3.4.2.2-04", "   ", Kind::Expression, 3),
    ("7644-3.4.2.2-04", "()", Kind::Expression, 1),
    ("7644-3.4.2.2-04", "not ()", Kind::Expression, 5),
    ("7644-3.4.2.2-04", "emails[]", Kind::Expression, 7),
    ("7644-3.4.2.2-04", ")", Kind::Expression, 0),
    ("7644-3.4.2.2-04", "]", Kind::Expression, 0),
    ("7644-3.4.2.2-04", "[type pr]", Kind::Expression, 0),
    ("7644-3.4.2.2-04", r#""bjensen" eq userName"#, Kind::Expression, 0),
    ("7644-3.4.2.2-29", "and a pr", Kind::Expression, 0),
    ("7644-3.4.2.2-29", "a pr and", Kind::Expression, 8),
    ("7644-3.4.2.2-29", "a pr or ", Kind::Expression, 8),
    ("7644-3.4.2.2-29", "a pr and and b pr", Kind::Expression, 9),
    ("7644-3.4.2.2-29", "a pr and or b pr", Kind::Expression, 9),
    ("7644-3.4.2.2-29", "(a pr and) b pr", Kind::Expression, 9),
    // Paths.
    ("7643-2.1-02", "1a pr", Kind::Expression, 0),
    ("7643-2.1-02", "-a pr", Kind::Expression, 0),
    ("7643-2.1-02", "a@b pr", path(PathErrorKind::Character), 1),
    ("7643-2.1-02", "naïve pr", path(PathErrorKind::Character), 2),
    ("7643-2.1-02", "a\u{3000}pr", path(PathErrorKind::Character), 1),
    ("7643-2.1-02", "a\npr", path(PathErrorKind::Character), 1),
    ("7643-2.1-02", "é pr", Kind::Expression, 0),
    ("7644-3.4.2.2-32", "a.b.c pr", path(PathErrorKind::SubAttributes), 3),
    ("7644-3.4.2.2-32", "a. pr", path(PathErrorKind::Name), 2),
    ("7644-3.4.2.2-32", ".a pr", Kind::Expression, 0),
    ("7644-3.4.2.2-32", "a..b pr", path(PathErrorKind::Name), 2),
    ("7644-3.10-01", "User:name pr", path(PathErrorKind::Uri), 0),
    ("7644-3.10-01", ":name pr", path(PathErrorKind::Uri), 0),
    ("7644-3.10-01", "1:2:name pr", path(PathErrorKind::Uri), 0),
    ("7644-3.10-01", "urn:x: pr", path(PathErrorKind::Name), 6),
    ("7644-3.10-05", "urn:x:2.0 pr", path(PathErrorKind::Name), 6),
    // Operators.
    ("7644-3.4.2.2-42", "a b", Kind::Operator, 2),
    ("7644-3.4.2.2-42", r#"userName lke "x""#, Kind::Operator, 9),
    ("7644-3.4.2.2-42", r#"userName = "x""#, Kind::Operator, 9),
    ("7644-3.4.2.2-42", r#"userName="x""#, path(PathErrorKind::Character), 8),
    ("7644-3.4.2.2-42", r#"a eqq "x""#, Kind::Operator, 2),
    ("7644-3.4.2.2-42", "a eq5", Kind::Operator, 2),
    ("7644-3.4.2.2-05", "userName", Kind::Operator, 8),
    ("7644-3.4.2.2-05", "(userName)", Kind::Operator, 9),
    ("7644-3.4.2.2-05", "a prx", Kind::Operator, 2),
    ("7644-3.4.2.2-05", "foo(a pr)", Kind::Operator, 3),
    ("7644-3.4.2.2-05", "a and b pr", Kind::Operator, 2),
    // Values.
    ("7644-3.4.2.2-05", "userName eq", Kind::Value, 11),
    ("7644-3.4.2.2-05", "userName eq ", Kind::Value, 12),
    ("7644-3.4.2.2-05", "(userName eq)", Kind::Value, 12),
    ("7644-3.4.2.2-30", "a eq {}", Kind::Value, 5),
    ("7644-3.4.2.2-30", "a eq [1]", Kind::Value, 5),
    ("A013", "userName eq bjensen", Kind::Quotes, 12),
    ("A013", "displayName sw 'Group'", Kind::Quotes, 15),
    ("A013", "a eq été", Kind::Quotes, 5),
    ("A013", "active eq trueX", Kind::Quotes, 10),
    ("A013", "created gt 2011-05-13T04:42:34Z", Kind::Number, 15),
    ("7644-3.4.2.2-30", "active eq True", Kind::LowerCase, 10),
    ("7644-3.4.2.2-30", "active eq FALSE", Kind::LowerCase, 10),
    ("7644-3.4.2.2-30", "title eq Null", Kind::LowerCase, 9),
    ("7644-3.4.2.2-30", "a eq 01", Kind::Number, 6),
    ("7644-3.4.2.2-30", "a eq 1.", Kind::Number, 6),
    ("7644-3.4.2.2-30", "a eq 1.e3", Kind::Number, 6),
    ("7644-3.4.2.2-30", "a eq 1e", Kind::Number, 6),
    ("7644-3.4.2.2-30", "a eq -", Kind::Number, 5),
    ("7644-3.4.2.2-30", "a eq -x", Kind::Number, 5),
    ("7644-3.4.2.2-30", "a eq 0x1F", Kind::Number, 6),
    ("7644-3.4.2.2-30", "a eq 1and b pr", Kind::Number, 6),
    ("7644-3.4.2.2-30", r#"a eq "x"#, Kind::ClosingQuote, 7),
    ("7644-3.4.2.2-30", r#"a eq "x\""#, Kind::ClosingQuote, 9),
    ("7644-3.4.2.2-30", r#"a eq ""#, Kind::ClosingQuote, 6),
    ("7644-3.4.2.2-30", r#"a eq "\q""#, Kind::Escape, 6),
    ("7644-3.4.2.2-30", r#"a eq "\U0041""#, Kind::Escape, 6),
    ("7644-3.4.2.2-30", r#"a eq "\u00g0""#, Kind::Escape, 6),
    ("7644-3.4.2.2-30", r#"a eq "x\u+041""#, Kind::Escape, 7),
    ("7644-3.4.2.2-30", r#"a eq "\u004"#, Kind::Escape, 6),
    ("7644-3.4.2.2-30", r#"a eq "\"#, Kind::Escape, 6),
    ("7644-3.4.2.2-30", r#"a eq "\ud83d""#, Kind::Surrogate, 6),
    ("7644-3.4.2.2-30", r#"a eq "\ud83d\n""#, Kind::Surrogate, 6),
    ("7644-3.4.2.2-30", r#"a eq "\ud83dude00""#, Kind::Surrogate, 6),
    ("7644-3.4.2.2-30", r#"a eq "\ud83d\ud83d""#, Kind::Surrogate, 6),
    ("7644-3.4.2.2-30", r#"a eq "ab\ude00""#, Kind::Surrogate, 8),
    ("7644-3.4.2.2-30", r#"a eq "\u0000""#, Kind::Nul, 6),
    ("7644-3.4.2.2-30", "a eq \"x\0\"", Kind::Nul, 7),
    ("7644-3.4.2.2-30", "a eq \"x\ny\"", Kind::Control, 7),
    ("7644-3.4.2.2-30", "a eq \"\u{1f}\"", Kind::Control, 6),
    // Text after an expression.
    ("7644-3.4.2.2-29", r#"a eq "x"and b pr"#, Kind::Space, 8),
    ("7644-3.4.2.2-29", r#"a eq "x" b pr"#, Kind::End, 9),
    ("7644-3.4.2.2-29", r#"a eq "x" "y""#, Kind::End, 9),
    ("7644-3.4.2.2-29", r#"a pr"x""#, Kind::End, 4),
    ("7644-3.4.2.2-29", "a pr xor b pr", Kind::End, 5),
    ("7644-3.4.2.2-29", "a pr andb pr", Kind::End, 5),
    ("7644-3.4.2.2-29", "a pr && b pr", Kind::End, 5),
    ("7644-3.4.2.2-29", "a pr, b pr", Kind::End, 4),
    ("7644-3.4.2.2-21", "a pr)", Kind::End, 4),
    ("7644-3.4.2.2-21", "(a pr", Kind::Parenthesis, 5),
    ("7644-3.4.2.2-21", "((a pr)", Kind::Parenthesis, 7),
    ("7644-3.4.2.2-21", "(a pr]", Kind::Parenthesis, 5),
    ("7644-3.4.2.2-21", "not (a pr", Kind::Parenthesis, 9),
    ("7644-3.4.2.2-26", "emails[type pr", Kind::Bracket, 14),
    ("7644-3.4.2.2-26", "emails[type pr)", Kind::Bracket, 14),
    ("7644-3.4.2.2-26", "emails[type pr]]", Kind::End, 15),
    ("7644-3.4.2.2-26", "emails[type pr] pr", Kind::End, 16),
    ("7644-3.4.2.2-26", "emails[type]", Kind::Operator, 11),
    ("7644-3.4.2.2-26", r#"emails["work"]"#, Kind::Expression, 7),
    ("7644-3.4.2.2-26", "emails[0]", Kind::Expression, 7),
    // `not`, and brackets within brackets.
    ("7644-3.4.2.2-34", "not title pr", Kind::Not, 4),
    ("7644-3.4.2.2-34", "not", Kind::Not, 3),
    ("7644-3.4.2.2-34", "not not (a pr)", Kind::Not, 4),
    ("7644-3.4.2.2-34", r#"not emails[type eq "work"]"#, Kind::Not, 4),
    ("7644-3.4.2.2-27", "a[b[c pr]]", Kind::NestedBrackets, 3),
    ("7644-3.4.2.2-27", r#"a[b pr and not (c[d eq "x"])]"#, Kind::NestedBrackets, 17),
    // Forms that only a quirk allows.
    ("A008", r#"emails[type eq "work"].value eq "x""#, Kind::AfterBrackets, 22),
    ("A008", r#"emails[type eq "work"].value pr"#, Kind::AfterBrackets, 22),
];

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    for (id, text, kind, offset) in REFUSED {
        let error = strict(text).expect_err(text);
        assert_eq!((*error.kind(), error.offset()), (*kind, *offset), "{id} {text}: {error}");
    }
}

#[test]
fn a_comparison_after_brackets_moves_into_them() {
    let cases = [
        (r#"emails[type eq "work"].value eq "a""#, r#"emails[type eq "work" and value eq "a"]"#),
        ("emails[type pr].value pr and title pr", "emails[type pr and value pr] and title pr"),
        (r#"emails[type pr and b eq 1].value co "a""#, r#"emails[type pr and b eq 1 and value co "a"]"#),
        (r#"emails[type pr or b eq 1].value co "a""#, r#"emails[(type pr or b eq 1) and value co "a"]"#),
        (r#"not (emails[not(type pr)].value SW"a")"#, r#"not (emails[not (type pr) and value sw "a"])"#),
        ("urn:a:b:emails[type pr].$ref pr", "urn:a:b:emails[type pr and $ref pr]"),
    ];
    for (text, canonical) in cases {
        let mut tolerance = Tolerance::new(Quirks::default());
        let filter = Filter::parse(text, Reading::new(&Limits::default(), &mut tolerance)).expect(text);
        assert_eq!(filter.to_string(), canonical);
        assert_eq!(filter, strict(canonical).expect(canonical));
        assert!(tolerance.applied().contains(Quirk::ValuePathComparison));
    }
    let mut tolerance = Tolerance::new(Quirks::default());
    Filter::parse("emails[type pr]", Reading::new(&Limits::default(), &mut tolerance)).unwrap();
    assert!(tolerance.applied().is_empty());
    for (text, kind, offset) in [
        ("emails[type pr].value", Kind::Operator, 21),
        ("emails[type pr].a.b pr", path(PathErrorKind::SubAttributes), 16),
        ("emails[type pr]. pr", path(PathErrorKind::Name), 16),
        ("emails[type pr].a[b pr]", Kind::Operator, 17),
    ] {
        let error = text.parse::<Filter>().expect_err(text);
        assert_eq!((*error.kind(), error.offset()), (kind, offset), "{text}");
    }
}

#[test]
fn names_compare_without_case_and_values_with_it() {
    let filter = strict(r#"userName eq "x" and emails[type pr]"#).unwrap();
    assert_eq!(filter, strict(r#"USERNAME EQ "x" AND Emails[TYPE pr]"#).unwrap());
    assert_ne!(filter, strict(r#"userName eq "X" and emails[type pr]"#).unwrap());
    assert_ne!(filter, strict(r#"emails[type pr] and userName eq "x""#).unwrap());
    assert_ne!(strict("a eq 1").unwrap(), strict("a eq 1.0").unwrap());
    assert_ne!(strict("a pr and b pr").unwrap(), strict("a pr or b pr").unwrap());
    assert_ne!(strict("a pr and b pr").unwrap(), strict("a pr and b pr and c pr").unwrap());
}

#[test]
fn errors_quote_their_place_and_little_else() {
    let long = format!("{} lke {}", "é".repeat(500), "x".repeat(500));
    for source in ["userName lke \"x\"", &long, "a eq \"\u{7f}\n\"", "", "a pr b\u{85}"] {
        let error = strict(source).unwrap_err();
        let message = error.render(source).to_string();
        assert!(message.starts_with(&error.to_string()), "{message}");
        assert!(message.len() < 160 && !message.contains(char::is_control), "{message}");
    }
    let source = format!(r#"userName eq "{}" xor title pr"#, "b".repeat(100));
    assert_eq!(
        strict(&source).unwrap_err().render(&source).to_string(),
        format!("expected `and`, `or` or the end of the filter at byte 115 of '…{}\" xor title pr'", "b".repeat(28))
    );
}
