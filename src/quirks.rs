//! The tolerated habits of real identity providers, each with a name and a switch.
//!
//! A quirk changes how a request is *read*; this module does not know how. The code that meets a habit asks
//! [`Tolerance::allows`], which also records the habit as applied, so that a host can log or count it.

mod reading;

use std::fmt;

pub use self::reading::Reading;

/// The sets that this module names. The declaration of a quirk lists the sets that contain the quirk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preset {
    Lenient,
    Entra,
}

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident = $text:literal in [$($preset:ident),*],)*) => {
        /// A habit of identity providers that RFC 7643 and RFC 7644 do not foresee.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Quirk { $($(#[$doc])* $name,)* }

        impl Quirk {
            /// All quirks, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name for logs and metrics, such as `boolean-strings`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl Quirks {
            /// The quirks whose declaration lists `preset`.
            const fn declared_in(preset: Preset) -> Self {
                let mut set = Self::NONE;
                $($(
                    if Preset::$preset as u8 == preset as u8 {
                        set = set.with(Quirk::$name);
                    }
                )*)*
                set
            }
        }
    };
}

quirks! {
    /// `op` in another case than in the RFC: `Add`, `REPLACE` (Entra; RFC 7644 §3.5.2).
    OperationCase = "operation-case" in [Lenient],
    /// The strings `"True"` and `"false"` in place of booleans, in bodies and in filter comparisons (Entra E-04,
    /// E-07).
    BooleanStrings = "boolean-strings" in [Lenient],
    /// Keys of a path-less PATCH value that are paths: `name.givenName`, `urn:…:User:department`,
    /// `emails[type eq "work"].value` (Entra E-12).
    PathKeys = "path-keys" in [Lenient],
    /// `remove` with a `value` that lists which values to remove (Entra E-18, JumpCloud).
    RemoveWithValue = "remove-with-value" in [Lenient],
    /// `add` through a value path that matches no value creates the element that the path describes (Entra E-08).
    AddCreatesElement = "add-creates-element" in [Lenient],
    /// `replace` through a value path that matches no value creates the element, too. RFC 7644 §3.5.2.3 asks for
    /// `noTarget`, so only [`Quirks::entra`] has this quirk (Entra E-09).
    ReplaceCreatesElement = "replace-creates-element" in [Entra],
    /// A PATCH operation whose path names no attribute of the schema is ignored, like an unknown attribute in a body.
    /// RFC 7644 §3.5.2 prescribes `invalidPath`, so only [`Quirks::entra`] has this quirk. Without it, one mapped
    /// attribute that the service provider does not have would block all other changes of a user (Entra E-28).
    UnknownPath = "unknown-path" in [Entra],
    /// A bare string for a complex value that has a `value` sub-attribute: `manager: "271"` (Entra E-11).
    BareValue = "bare-value" in [Lenient],
    /// An array with one element for a singular attribute: `manager: [{"value": "271"}]` (Entra E-11).
    ListOfOne = "list-of-one" in [Lenient],
    /// A single object, or a single bare value, for a multi-valued attribute.
    OneForList = "one-for-list" in [Lenient],
    /// `""` for an attribute that is not a string, as a sign for no value (Entra E-11 empties a manager so).
    EmptyString = "empty-string" in [Lenient],
    /// JSON text packed into a string where an object or an array is expected: the `value` of a PATCH operation with or
    /// without a path, and a complex value in a body (SailPoint, clients built with SCIM-SDK).
    PackedValue = "packed-value" in [Lenient],
    /// JSON text as the `value` of a list element, which describes the element: `{"value":
    /// "{\"id\":\"…\",\"value\":\"reviewer\",\"displayName\":\"Reviewer\"}"}` becomes the element `reviewer` with the
    /// display name `Reviewer` (the app roles of Entra).
    PackedElement = "packed-element" in [Lenient],
    /// A PATCH or search body without its `schemas` (RFC 7644 §3.5.2, §3.4.3).
    MissingMessageSchema = "missing-message-schema" in [Lenient],
    /// A PATCH body whose `schemas` spells the URN of the PatchOp message in another way (RFC 7644 §3.5.2).
    MessageSchemaSpelling = "message-schema-spelling" in [Lenient],
    /// A PATCH body whose `Operations` is empty. RFC 7644 §3.5.2 requires at least one operation; the validator of
    /// Entra sends no operation and expects success.
    NoOperations = "no-operations" in [Entra],
    /// `add` through a value path without a `value`: the condition describes the element (clients of Bitwarden and
    /// Corteza).
    AddWithoutValue = "add-without-value" in [Lenient],
    /// The attributes of the core schema in an object under the URN of that schema, as those of an extension are.
    CoreSchemaObject = "core-schema-object" in [Lenient],
    /// `filter` without a condition, in a query or in a search body: every resource is listed.
    EmptyFilter = "empty-filter" in [Lenient],
    /// A UTF-8 byte order mark before the body (RFC 8259 §8.1 allows a parser to ignore the mark).
    ByteOrderMark = "byte-order-mark" in [Lenient],
    /// A resource body without `schemas`, or without its base schema (RFC 7643 §3).
    MissingSchema = "missing-schema" in [Lenient],
    /// A `schemas` member that this resource type does not have is ignored (Entra E-16).
    UnknownSchema = "unknown-schema" in [Lenient],
    /// An attribute that the schema does not have is dropped (Entra E-28, Okta O-19). Without this quirk the response
    /// is 400.
    UnknownAttribute = "unknown-attribute" in [Lenient],
    /// Read-only attributes in the value of a path-less PATCH that repeat the stored value (Okta O-11).
    ReadOnlyEcho = "read-only-echo" in [Lenient],
    /// A value path followed by a sub-attribute in a filter: `emails[type eq "work"].value eq "x"` (Entra E-02).
    ValuePathComparison = "value-path-comparison" in [Lenient],
    /// An attribute of an extension named without its URN: `manager eq "x"` (Entra E-20). Applies only to unambiguous
    /// names.
    BareExtensionAttribute = "bare-extension-attribute" in [Lenient],
    /// A date and time without a zone, read as UTC (xsd:dateTime allows it, RFC 3339 does not).
    ZonelessDateTime = "zoneless-date-time" in [Lenient],
    /// A date and time whose zone lacks the colon: `2011-05-13T04:42:34+0000`.
    CompactZone = "compact-zone" in [Lenient],
    /// A date and time with a blank for the plus sign of its zone: a client left the sign unescaped in a query.
    BlankForPlus = "blank-for-plus" in [Lenient],
    /// A date and time with a blank for the letter `T`.
    BlankForT = "blank-for-t" in [Lenient],
    /// A whole number for an attribute of type string: `employeeNumber: 701984`.
    NumberForString = "number-for-string" in [Lenient],
    /// A URI that consists of blanks, read as unassigned (Saviynt fills templates so).
    BlankUri = "blank-uri" in [Lenient],
    /// A URI that contains a blank, kept as the client sent it. RFC 3986 §2 allows no blank, so only [`Quirks::entra`]
    /// has this quirk.
    UriWithBlank = "uri-with-blank" in [Entra],
    /// A reference to a resource that does not exist is dropped. No preset has this quirk: the client gets a success
    /// response although the member is missing. A host that serves Okta may prefer this quirk, since Okta never
    /// retries a group push that failed with 400.
    MissingReference = "missing-reference" in [],
    /// `attributes` and `excludedAttributes` in one request: `attributes` wins (RFC 7644 §3.9 excludes both).
    BothProjections = "both-projections" in [],
}

/// A set of [`Quirk`]s: the tolerated habits, or the habits that a request showed.
///
/// The default tolerates every habit that no MUST or SHALL of the RFC forbids.
///
/// ```
/// use scim_core::quirks::{Quirk, Quirks};
///
/// assert!(Quirks::default().contains(Quirk::BooleanStrings));
/// assert!(!Quirks::default().contains(Quirk::ReplaceCreatesElement));
/// assert!(Quirks::entra().contains(Quirk::ReplaceCreatesElement));
/// let mine = Quirks::strict().with(Quirk::OperationCase);
/// assert_eq!(mine.to_string(), "operation-case");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quirks(u64);

impl Quirks {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);

    const LENIENT: Self = Self::declared_in(Preset::Lenient);

    const fn bit(quirk: Quirk) -> u64 {
        1 << quirk as u32
    }

    /// The RFCs to the letter: no habit is tolerated.
    pub const fn strict() -> Self {
        Self::NONE
    }

    /// The default, plus the habits of Microsoft Entra ID that contradict RFC 7644 or RFC 7643:
    /// [`Quirk::ReplaceCreatesElement`], [`Quirk::UnknownPath`], [`Quirk::NoOperations`] and [`Quirk::UriWithBlank`].
    pub const fn entra() -> Self {
        Self::LENIENT.union(Self::declared_in(Preset::Entra))
    }

    /// The quirks that Okta needs. The set equals the default today; the name lets a host state its intent.
    pub const fn okta() -> Self {
        Self::LENIENT
    }

    /// This set and `quirk`.
    #[must_use]
    pub const fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | Self::bit(quirk))
    }

    /// This set without `quirk`.
    #[must_use]
    pub const fn without(self, quirk: Quirk) -> Self {
        Self(self.0 & !Self::bit(quirk))
    }

    /// This set and all of `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `quirk` is in the set.
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & Self::bit(quirk) != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Quirk::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.iter().copied().filter(move |quirk| self.contains(*quirk))
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::LENIENT
    }
}

impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, quirk) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(quirk.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The habits that are tolerated in one request, and the habits that the request has shown so far.
///
/// ```
/// use scim_core::quirks::{Quirk, Quirks, Tolerance};
///
/// let mut tolerance = Tolerance::new(Quirks::default());
/// assert!(tolerance.allows(Quirk::BooleanStrings));
/// assert!(tolerance.applied().contains(Quirk::BooleanStrings));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    tolerated: Quirks,
    applied: Quirks,
}

impl Tolerance {
    /// Tolerates `quirks`; no habit is recorded yet.
    pub const fn new(quirks: Quirks) -> Self {
        Self { tolerated: quirks, applied: Quirks::NONE }
    }

    /// Whether `quirk` is tolerated. If so, the quirk is recorded as met: ask only when the request shows the habit.
    pub fn allows(&mut self, quirk: Quirk) -> bool {
        let allowed = self.tolerated.contains(quirk);
        if allowed {
            self.applied = self.applied.with(quirk);
        }
        allowed
    }

    /// Records tolerated habits that another part of the core has met.
    pub(crate) fn meet(&mut self, met: Quirks) {
        self.applied = self.applied.union(met);
    }

    /// The habits that were met and tolerated.
    pub const fn applied(&self) -> Quirks {
        self.applied
    }

    /// The habits that are tolerated.
    pub const fn tolerated(&self) -> Quirks {
        self.tolerated
    }
}
