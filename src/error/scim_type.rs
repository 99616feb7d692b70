//! The keywords of errors (RFC 7644 table 9, RFC 9865 §2.1).

use std::fmt;

macro_rules! scim_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What went wrong, as a keyword for programs: `scimType` (RFC 7644 table 9, RFC 9865 §2.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ScimType { $($(#[$doc])* $name,)* }

        impl ScimType {
            /// All keywords.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The keyword as it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scim_types! {
    /// The filter is malformed, or compares what cannot be compared so.
    InvalidFilter = "invalidFilter",
    /// The request is about more than the service provider will process.
    TooMany = "tooMany",
    /// A value that has to be unique is in use.
    Uniqueness = "uniqueness",
    /// The attribute may not be changed so.
    Mutability = "mutability",
    /// The body is malformed, or not the message that it should be.
    InvalidSyntax = "invalidSyntax",
    /// The path of a PATCH operation is malformed, or names no attribute.
    InvalidPath = "invalidPath",
    /// The path of a PATCH operation matches nothing to work on.
    NoTarget = "noTarget",
    /// A required value is missing, or a value does not fit.
    InvalidValue = "invalidValue",
    /// The version of the protocol is not supported.
    InvalidVers = "invalidVers",
    /// The request would show what is sensitive, or has it in its URI.
    Sensitive = "sensitive",
    /// The cursor is none of this query.
    InvalidCursor = "invalidCursor",
    /// The cursor was valid once.
    ExpiredCursor = "expiredCursor",
    /// The count is not one that goes with the cursor.
    InvalidCount = "invalidCount",
}

impl fmt::Display for ScimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
