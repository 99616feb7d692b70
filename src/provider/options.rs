//! What a client asks of one operation besides its contents: which attributes it wants back, and under which
//! precondition it writes.

use crate::{message::SearchRequest, store::Version};

/// What a client asks of one operation besides its contents. The default asks for nothing in particular.
///
/// ```
/// use scim_core::provider::{Options, Precondition};
///
/// let mut options = Options::default();
/// options.attributes = vec!["userName".into()];
/// options.precondition = Precondition::if_match(r#"W/"12""#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The attributes to return besides those that always are (RFC 7644 §3.9); empty for the default ones.
    pub attributes: Vec<Box<str>>,
    /// The attributes not to return of the default ones.
    pub excluded_attributes: Vec<Box<str>>,
    /// In which state the resource has to be (RFC 7644 §3.14).
    pub precondition: Precondition,
    /// The operation is part of a bulk request: its answer does not show the resource (RFC 7644 §3.7.3).
    pub(super) in_bulk: bool,
}

impl From<SearchRequest> for Options {
    /// The projection of a query.
    fn from(request: SearchRequest) -> Self {
        Self {
            attributes: request.attributes,
            excluded_attributes: request.excluded_attributes,
            precondition: Precondition::default(),
            in_bulk: false,
        }
    }
}

/// In which state a resource has to be for an operation: `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13).
///
/// Tags are compared weakly, since SCIM's are weak. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    required: Option<Tags>,
    refused: Option<Tags>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever version there is.
    Any,
    /// One of these; the text between the quotes.
    OneOf(Vec<Box<str>>),
}

impl Precondition {
    /// `If-Match`: the resource has one of these versions, written as in the header: `*`, `W/"1"`, `"1"`, or also
    /// without quotes, as some clients send what `meta.version` said.
    ///
    /// Join the lines of a header that was sent in several by commas: they form one list (RFC 9110 §5.3).
    pub fn if_match(header: &str) -> Self {
        Self { required: Some(Tags::required([header].into_iter())), refused: None }
    }

    /// The same precondition and `If-None-Match`: the resource has none of these versions.
    #[must_use]
    pub fn and_none_match(mut self, header: &str) -> Self {
        self.refused = Some(Tags::refused([header].into_iter()));
        self
    }

    /// The precondition of a request with these lines of `If-Match` and of `If-None-Match`. A header without lines adds no
    /// condition.
    pub(crate) fn of_lines<'a>(
        if_match: impl Iterator<Item = &'a str>,
        if_none_match: impl Iterator<Item = &'a str>,
    ) -> Self {
        let (mut if_match, mut if_none_match) = (if_match.peekable(), if_none_match.peekable());
        Self {
            required: if_match.peek().is_some().then(|| Tags::required(if_match)),
            refused: if_none_match.peek().is_some().then(|| Tags::refused(if_none_match)),
        }
    }

    /// Whether the client named a state at all: then a write that comes too late is not tried again.
    pub fn is_some(&self) -> bool {
        self.required.is_some() || self.refused.is_some()
    }

    /// Whether it holds for a resource in this version.
    pub fn holds(&self, version: &Version) -> bool {
        self.required.as_ref().is_none_or(|tags| tags.contain(version))
            && self.refused.as_ref().is_none_or(|tags| !tags.contain(version))
    }

    /// Whether `If-Match` holds for a resource in this version; true without one.
    pub(crate) fn required_holds(&self, version: &Version) -> bool {
        self.required.as_ref().is_none_or(|tags| tags.contain(version))
    }

    /// Whether the resource may have any version: then it need not be read to find out.
    pub(crate) fn is_indifferent(&self) -> bool {
        matches!(self.required, None | Some(Tags::Any)) && self.refused.is_none()
    }

    /// The only version that will do, if it is only one: then the store can look by itself.
    pub(crate) fn only(&self) -> Option<Version> {
        match (&self.required, &self.refused) {
            (Some(Tags::OneOf(tags)), None) => match &**tags {
                [tag] => Version::new(&**tag).ok(),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Tags {
    // RFC 9110 §13.1 allows `*` only alone. Beside tags, the reading applies that lets fewer writes through.

    /// The tags of `If-Match`. Beside tags, `*` adds nothing.
    fn required<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        match read_tags(lines) {
            (true, tags) if tags.is_empty() => Self::Any,
            (_, tags) => Self::OneOf(tags),
        }
    }

    /// The tags of `If-None-Match`. Beside tags, `*` still means every version.
    fn refused<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        match read_tags(lines) {
            (true, _) => Self::Any,
            (false, tags) => Self::OneOf(tags),
        }
    }

    fn contain(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| **tag == *version.as_str()),
        }
    }
}

/// The elements of a list of tags: whether `*` is one of them, and the text of each tag.
fn read_tags<'a>(lines: impl Iterator<Item = &'a str>) -> (bool, Vec<Box<str>>) {
    let (mut any, mut tags) = (false, Vec::new());
    for line in lines {
        let mut rest = line.trim_matches([',', ' ', '\t']);
        while !rest.is_empty() {
            let bare = rest.strip_prefix("W/").or_else(|| rest.strip_prefix("w/")).unwrap_or(rest);
            let (tag, after) = match bare.strip_prefix('"') {
                // A quoted tag may hold a comma.
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => bare.split_once(',').map_or((bare, ""), |(tag, after)| (tag.trim_end(), after)),
            };
            match tag {
                "*" if rest.starts_with('*') => any = true,
                "" => {}
                tag => tags.push(tag.into()),
            }
            rest = after.trim_start_matches([',', ' ', '\t']);
        }
    }
    (any, tags)
}
