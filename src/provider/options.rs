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
}

impl From<SearchRequest> for Options {
    /// The projection of a query.
    fn from(request: SearchRequest) -> Self {
        Self {
            attributes: request.attributes,
            excluded_attributes: request.excluded_attributes,
            precondition: Precondition::default(),
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
    pub fn if_match(header: &str) -> Self {
        Self { required: Some(Tags::parse(header)), refused: None }
    }

    /// The same precondition and `If-None-Match`: the resource has none of these versions.
    #[must_use]
    pub fn and_none_match(mut self, header: &str) -> Self {
        self.refused = Some(Tags::parse(header));
        self
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
    fn parse(header: &str) -> Self {
        let mut tags = Vec::new();
        let mut rest = header.trim();
        if rest == "*" {
            return Self::Any;
        }
        while !rest.is_empty() {
            let bare = rest.strip_prefix("W/").or_else(|| rest.strip_prefix("w/")).unwrap_or(rest);
            let (tag, after) = match bare.strip_prefix('"') {
                // A quoted tag may hold a comma.
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => bare.split_once(',').map_or((bare, ""), |(tag, after)| (tag.trim_end(), after)),
            };
            if !tag.is_empty() {
                tags.push(tag.into());
            }
            rest = after.trim_start_matches([',', ' ', '\t']);
        }
        Self::OneOf(tags)
    }

    fn contain(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| **tag == *version.as_str()),
        }
    }
}
