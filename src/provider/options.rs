//! The options of one operation besides its body: the attributes to return, and the precondition of a write.

use crate::{error::Error, message::SearchRequest, store::Version};

/// The options of one operation besides its body. By default the client gets the default attributes and sets no
/// precondition.
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
    /// The attributes to return in addition to those that are always returned (RFC 7644 §3.9). Empty for the default
    /// attributes.
    pub attributes: Vec<Box<str>>,
    /// The default attributes to leave out.
    pub excluded_attributes: Vec<Box<str>>,
    /// The required state of the resource (RFC 7644 §3.14).
    pub precondition: Precondition,
    /// Whether the operation is part of a bulk request, whose response does not show the resource (RFC 7644 §3.7.3).
    pub(super) in_bulk: bool,
}

impl From<SearchRequest> for Options {
    /// Returns options with the projection of a query.
    fn from(request: SearchRequest) -> Self {
        Self {
            attributes: request.attributes,
            excluded_attributes: request.excluded_attributes,
            precondition: Precondition::default(),
            in_bulk: false,
        }
    }
}

/// The state that an operation requires of a resource: `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13).
///
/// Tags are compared weakly, since SCIM's tags are weak. The default accepts every state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    required: Option<Tags>,
    refused: Option<Tags>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: every version.
    Any,
    /// Any of these tags, as the text between the quotes.
    OneOf(Vec<Box<str>>),
}

impl Precondition {
    /// Returns the precondition of `If-Match`: the resource has one of these versions. The format is that of the
    /// header: `*`, `W/"1"` or `"1"`. A tag without quotes is accepted too, since some clients send the value of
    /// `meta.version` in this way.
    ///
    /// If the header was sent in several lines, join them by commas: they form one list (RFC 9110 §5.3).
    pub fn if_match(header: &str) -> Self {
        Self { required: Some(Tags::required([header].into_iter())), refused: None }
    }

    /// Adds the precondition of `If-None-Match`: the resource has none of these versions.
    #[must_use]
    pub fn and_none_match(mut self, header: &str) -> Self {
        self.refused = Some(Tags::refused([header].into_iter()));
        self
    }

    /// Returns the precondition of a request with these lines of `If-Match` and of `If-None-Match`. A header without
    /// lines adds no condition.
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

    /// Returns whether the client set a condition. After a lost race, the write then succeeds only if the condition
    /// still holds.
    pub fn is_some(&self) -> bool {
        self.required.is_some() || self.refused.is_some()
    }

    /// Returns whether the precondition holds for a resource with this version.
    pub fn holds(&self, version: &Version) -> bool {
        self.required.as_ref().is_none_or(|tags| tags.contain(version))
            && self.refused.as_ref().is_none_or(|tags| !tags.contain(version))
    }

    /// Refuses a resource with this version, with 412, unless the precondition holds.
    pub(crate) fn check(&self, version: &Version) -> Result<(), Error> {
        self.check_required(version)?;
        if self.holds(version) { Ok(()) } else { Err(Error::matched()) }
    }

    /// Refuses a resource with this version, with 412, unless `If-Match` holds.
    pub(crate) fn check_required(&self, version: &Version) -> Result<(), Error> {
        let holds = self.required.as_ref().is_none_or(|tags| tags.contain(version));
        if holds { Ok(()) } else { Err(Error::not_matched()) }
    }

    /// Returns whether the resource may have any version, so that the check needs no read.
    pub(crate) fn is_indifferent(&self) -> bool {
        matches!(self.required, None | Some(Tags::Any)) && self.refused.is_none()
    }

    /// Returns the version if only one version is acceptable, so that the store can check the version itself.
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
    // RFC 9110 §13.1 allows `*` only alone. Beside tags, the interpretation applies that permits fewer writes.

    /// Reads the tags of `If-Match`. Beside tags, `*` adds nothing.
    fn required<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        match read_tags(lines) {
            (true, tags) if tags.is_empty() => Self::Any,
            (_, tags) => Self::OneOf(tags),
        }
    }

    /// Reads the tags of `If-None-Match`. Beside tags, `*` still means every version.
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

/// Reads a list of tags. Returns whether `*` is in the list, and the text of each tag.
fn read_tags<'a>(lines: impl Iterator<Item = &'a str>) -> (bool, Vec<Box<str>>) {
    let (mut any, mut tags) = (false, Vec::new());
    for line in lines {
        let mut rest = line.trim_matches([',', ' ', '\t']);
        while !rest.is_empty() {
            let bare = rest.strip_prefix("W/").or_else(|| rest.strip_prefix("w/")).unwrap_or(rest);
            let (tag, after) = match bare.strip_prefix('"') {
                // A quoted tag may contain a comma.
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
