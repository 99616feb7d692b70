//! SearchRequest: a query in the body of a POST, or as the parameters of a GET (RFC 7644 §3.4.2, §3.4.3).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{members::Members, uri::SEARCH_REQUEST};
use crate::{
    error::{Error, ScimType},
    limits::Limits,
    quirks::{Quirk, Reading, Tolerance},
    resource::{body_text, is_deeper, json_fault_at},
};

/// The query of a list of resources (RFC 7644 §3.4.3). The service provider chooses a default for every absent member.
///
/// ```
/// use scim_core::message::SearchRequest;
///
/// let mut request = SearchRequest::default();
/// request.filter = Some(r#"userName eq "bjensen""#.into());
/// request.count = Some(1);
/// assert_eq!(request.start_index, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchRequest {
    /// The attributes to return in addition to those that are always returned (RFC 7644 §3.9); empty for the default
    /// attributes.
    pub attributes: Vec<Box<str>>,
    /// The attributes to leave out of the default attributes.
    pub excluded_attributes: Vec<Box<str>>,
    /// The filter that selects the resources (§3.4.2.2); `None` selects all.
    pub filter: Option<Box<str>>,
    /// The path of the attribute to sort by (§3.4.2.3).
    pub sort_by: Option<Box<str>>,
    /// The direction of sorting.
    pub sort_order: SortOrder,
    /// The position of the first returned resource in the whole result, starting at 1 (§3.4.2.4). Less than 1 means 1.
    pub start_index: Option<i64>,
    /// The maximum number of returned resources. Less than 0 means 0.
    pub count: Option<i64>,
    /// The cursor of the requested page (RFC 9865 §2): empty for the first page, then the cursor of the previous
    /// response. With `None`, `start_index` selects the page.
    pub cursor: Option<Box<str>>,
}

/// `sortOrder` (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.3 closes the set")]
pub enum SortOrder {
    /// The least value first.
    #[default]
    Ascending,
    /// The greatest value first.
    Descending,
}

impl SortOrder {
    fn parse(text: &str) -> Result<Self, Error> {
        [("ascending", Self::Ascending), ("descending", Self::Descending)]
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, order)| order)
            .ok_or_else(|| Error::bad(ScimType::InvalidValue, "sortOrder: expected `ascending` or `descending`"))
    }
}

/// A list of names, or one string of names separated by commas.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<Box<str>>),
    One(Box<str>),
}

/// The count in the request body.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(i64),
    Other(de::IgnoredAny),
}

/// Declares the members of the body, whose names are compared without case (RFC 7643 §2.1).
macro_rules! body {
    ($($name:literal => $field:ident: $resource_type:ty,)*) => {
        #[derive(Default)]
        struct Body { $($field: Option<$resource_type>,)* }

        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SearchRequest")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
                let mut body = Body::default();
                let mut members = Members::new(map, &[$($name),*]);
                while let Some(name) = members.next(de::Error::duplicate_field)? {
                    match name {
                        $($name => body.$field = members.value()?,)*
                        _ => {}
                    }
                }
                Ok(body)
            }
        }
    };
}

struct BodyVisitor;

body! {
    "schemas" => schemas: Names,
    "attributes" => attributes: Names,
    "excludedAttributes" => excluded_attributes: Names,
    "filter" => filter: Box<str>,
    "sortBy" => sort_by: Box<str>,
    "sortOrder" => sort_order: Box<str>,
    "startIndex" => start_index: i64,
    "count" => count: Count,
    "cursor" => cursor: Box<str>,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

impl SearchRequest {
    /// Parses the body of a POST to `.search` (RFC 7644 §3.1, §3.4.3; RFC 9865 §3 for the cursor).
    ///
    /// # Errors
    ///
    /// When the body is longer than [`Limits::body`] (413), is not JSON or not a SearchRequest (400 `invalidSyntax`), or
    /// names more attributes than [`Limits::attribute_names`] (400 `invalidValue`). The search itself checks the filter
    /// and the names.
    pub fn from_json(body: &[u8], Reading { limits, tolerance }: Reading<'_>) -> Result<Self, Error> {
        if body.len() > limits.body {
            return Err(Error::new(413, format!("the body has more than {} bytes", limits.body)));
        }
        if is_deeper(body, limits.json_depth) {
            let detail = format!("expected at most {} nested objects and arrays", limits.json_depth);
            return Err(Error::bad(ScimType::InvalidSyntax, detail));
        }
        let text = body_text(body, tolerance).map_err(|fault| Error::bad(ScimType::InvalidSyntax, fault))?;
        let body: Body = serde_json::from_str(text)
            .map_err(|error| Error::bad(ScimType::InvalidSyntax, json_fault_at(&error, "a SearchRequest")))?;
        let named = match body.schemas {
            None => Vec::new(),
            Some(Names::List(uris)) => uris,
            Some(Names::One(uri)) if tolerance.allows(Quirk::OneForList) => vec![uri],
            Some(Names::One(_)) => {
                return Err(Error::bad(ScimType::InvalidSyntax, "schemas: expected a list of URIs"));
            }
        };
        let right = named.iter().any(|uri| uri.eq_ignore_ascii_case(SEARCH_REQUEST));
        if !right && (!named.is_empty() || !tolerance.allows(Quirk::MissingMessageSchema)) {
            return Err(Error::bad(ScimType::InvalidSyntax, format!("schemas: expected `{SEARCH_REQUEST}`")));
        }
        let count = match (body.count, &body.cursor) {
            (None, _) => None,
            (Some(Count::Number(count)), _) => Some(count),
            (Some(Count::Other(_)), Some(_)) => return Err(no_count(ScimType::InvalidCount)),
            (Some(Count::Other(_)), None) => return Err(no_count(ScimType::InvalidSyntax)),
        };
        Ok(Self {
            attributes: names("attributes", body.attributes, limits)?,
            excluded_attributes: names("excludedAttributes", body.excluded_attributes, limits)?,
            filter: body.filter,
            sort_by: body.sort_by.filter(|path| !path.is_empty()),
            sort_order: body.sort_order.as_deref().map(SortOrder::parse).transpose()?.unwrap_or_default(),
            start_index: body.start_index,
            count,
            cursor: body.cursor,
        })
    }

    /// Parses the parameters of a GET: the part of the URL after the `?`, still percent-encoded. Parameters that are
    /// not in RFC 7644 or RFC 9865 are ignored (RFC 7644 §3.4.2).
    ///
    /// # Errors
    ///
    /// When `startIndex` or `count` is not a whole number, `sortOrder` is neither `ascending` nor `descending`, a
    /// parameter occurs twice, or there are more names of attributes than `limits.attribute_names` (400
    /// `invalidValue`). With a cursor, a `count` that is not a whole number is 400 `invalidCount` (RFC 9865 §2.1).
    ///
    /// ```
    /// use scim_core::{limits::Limits, message::SearchRequest};
    ///
    /// let request = SearchRequest::from_query("filter=userName%20eq%20%22bjensen%22&count=1", &Limits::default())?;
    /// assert_eq!(request.filter.as_deref(), Some(r#"userName eq "bjensen""#));
    /// assert_eq!(request.count, Some(1));
    /// # Ok::<(), scim_core::error::Error>(())
    /// ```
    pub fn from_query(query: &str, limits: &Limits) -> Result<Self, Error> {
        Self::parse_query(query, &KNOWN, limits)
    }

    /// Parses the requested attributes only; an operation on one resource ignores the other parameters, also a filter
    /// (RFC 7644 §3.4.2.1).
    pub(crate) fn projection_from_query(query: &str, limits: &Limits) -> Result<Self, Error> {
        Self::parse_query(query, &["attributes", "excludedAttributes"], limits)
    }

    /// Whether the parameters of a GET have a filter.
    pub(crate) fn filters(query: &str, tolerance: &mut Tolerance) -> bool {
        let parameters = form_urlencoded::parse(query.as_bytes());
        let filter = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("filter"));
        filter.is_some_and(|(_, text)| !text.trim_ascii().is_empty() || !tolerance.allows(Quirk::EmptyFilter))
    }

    fn parse_query(query: &str, known: &[&'static str], limits: &Limits) -> Result<Self, Error> {
        let mut request = Self::default();
        let mut seen = [false; KNOWN.len()];
        let mut count = Ok(None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = known.iter().zip(&mut seen).find(|(known, _)| known.eq_ignore_ascii_case(&name));
            let Some((name, seen)) = known else { continue };
            if std::mem::replace(seen, true) {
                return Err(Error::bad(ScimType::InvalidValue, format!("{name}: expected it at most once")));
            }
            match *name {
                "attributes" => request.attributes = names(name, Some(Names::One(value.into())), limits)?,
                "excludedAttributes" => {
                    request.excluded_attributes = names(name, Some(Names::One(value.into())), limits)?;
                }
                "filter" => request.filter = Some(value.into()),
                "sortBy" => request.sort_by = (!value.is_empty()).then(|| value.into()),
                "sortOrder" if value.is_empty() => {}
                "sortOrder" => request.sort_order = SortOrder::parse(&value)?,
                "startIndex" => request.start_index = whole_number(name, &value)?,
                // The keyword of the error depends on the cursor, which may follow.
                "count" => count = whole_number(name, &value),
                _ => request.cursor = Some(value.into()),
            }
        }
        request.count = match (count, &request.cursor) {
            (Err(_), Some(_)) => return Err(no_count(ScimType::InvalidCount)),
            (count, _) => count?,
        };
        Ok(request)
    }
}

/// The parameters of RFC 7644 §3.4.2 and RFC 9865 §2.
const KNOWN: [&str; 8] =
    ["attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"];

fn names(member: &str, names: Option<Names>, limits: &Limits) -> Result<Vec<Box<str>>, Error> {
    let most = limits.attribute_names;
    let separated = |text: &str| -> Vec<Box<str>> {
        // One name more than allowed is enough to detect an excess.
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).take(most + 1).map(Into::into).collect()
    };
    let names = match names {
        None => Vec::new(),
        Some(Names::One(text)) => separated(&text),
        Some(Names::List(list)) => list.into_iter().filter(|name| !name.trim().is_empty()).collect(),
    };
    if names.len() > most {
        return Err(Error::bad(ScimType::InvalidValue, format!("{member}: expected at most {most} names")));
    }
    Ok(names)
}

fn no_count(scim_type: ScimType) -> Error {
    Error::bad(scim_type, "count: expected a whole number")
}

fn whole_number(name: &str, text: &str) -> Result<Option<i64>, Error> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::bad(ScimType::InvalidValue, format!("{name}: expected a whole number")));
    }
    // A number that is too large for the type is still beyond the end of every result.
    let saturated = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(Some(text.parse().unwrap_or(saturated)))
}
