//! The keywords of errors (RFC 7644 table 9, RFC 9865 §2.1).

use std::fmt;

macro_rules! scim_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The `scimType` of an error: a keyword for programs (RFC 7644 table 9, RFC 9865 §2.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ScimType { $($(#[$doc])* $name,)* }

        impl ScimType {
            /// All keywords.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The keyword in the spelling of the RFC.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scim_types! {
    /// The filter is malformed, or a comparison in it is not possible.
    InvalidFilter = "invalidFilter",
    /// The request concerns more data than the service provider processes.
    TooMany = "tooMany",
    /// A value that must be unique is already in use.
    Uniqueness = "uniqueness",
    /// The attribute does not allow the change.
    Mutability = "mutability",
    /// The body is malformed, or is not the expected message.
    InvalidSyntax = "invalidSyntax",
    /// The path of a PATCH operation is malformed, or does not name an attribute.
    InvalidPath = "invalidPath",
    /// The path of a PATCH operation matches no value.
    NoTarget = "noTarget",
    /// A required value is missing, or a value is invalid.
    InvalidValue = "invalidValue",
    /// The version of the protocol is not supported.
    InvalidVers = "invalidVers",
    /// The request would reveal sensitive data, or has sensitive data in its URI.
    Sensitive = "sensitive",
    /// The cursor does not belong to this query.
    InvalidCursor = "invalidCursor",
    /// The cursor has expired.
    ExpiredCursor = "expiredCursor",
    /// The count is invalid with the cursor.
    InvalidCount = "invalidCount",
}

impl fmt::Display for ScimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
