//! The habits of real identity providers that are tolerated, each one named and switchable.
//!
//! A quirk changes how a request is *read*; nothing here knows how. The code that meets a habit asks
//! [`Tolerance::allows`], which also records that the habit was applied, so that a host can log or count it.

use std::fmt;

/// The sets that this module names; a quirk's declaration lists the ones that it is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preset {
    Lenient,
    Entra,
}

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident = $text:literal in [$($preset:ident),*],)*) => {
        /// One habit of identity providers that RFC 7643 and RFC 7644 do not foresee.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Quirk { $($(#[$doc])* $name,)* }

        impl Quirk {
            /// All quirks, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The quirk's stable name for logs and metrics, such as `boolean-strings`.
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
    /// `op` in another case than the RFC prints: `Add`, `REPLACE` (Entra; RFC 7644 §3.5.2).
    OperationCase = "operation-case" in [Lenient],
    /// `"True"`, `"false"` as strings where a boolean is meant, in bodies and in filter comparisons (Entra E-04, E-07).
    BooleanStrings = "boolean-strings" in [Lenient],
    /// Keys of a path-less PATCH value that are paths: `name.givenName`, `urn:…:User:department`,
    /// `emails[type eq "work"].value` (Entra E-12).
    PathKeys = "path-keys" in [Lenient],
    /// `remove` with a `value` that lists which values to remove (Entra E-18, JumpCloud).
    RemoveWithValue = "remove-with-value" in [Lenient],
    /// `add` through a value path that matches nothing creates the element that it describes (Entra E-08).
    AddCreatesElement = "add-creates-element" in [Lenient],
    /// `replace` through a value path that matches nothing creates it too. RFC 7644 §3.5.2.3 asks for `noTarget`,
    /// so only [`Quirks::entra`] has it (Entra E-09).
    ReplaceCreatesElement = "replace-creates-element" in [Entra],
    /// A PATCH operation whose path names no attribute of the schema is passed over, as an unknown attribute in a body is.
    /// RFC 7644 §3.5.2 has `invalidPath` for it, so only [`Quirks::entra`] has it: an attribute that somebody mapped and
    /// this service does not have would keep a user's other changes from ever coming in (Entra E-28).
    UnknownPath = "unknown-path" in [Entra],
    /// A bare string for a complex value that has a `value` sub-attribute: `manager: "271"` (Entra E-11).
    BareValue = "bare-value" in [Lenient],
    /// An array with one element for a singular attribute: `manager: [{"value": "271"}]` (Entra E-11).
    ListOfOne = "list-of-one" in [Lenient],
    /// One object, or one bare value, for a multi-valued attribute.
    OneForList = "one-for-list" in [Lenient],
    /// `""` for an attribute that is not a string, meaning that it has no value (Entra E-11 empties a manager so).
    EmptyString = "empty-string" in [Lenient],
    /// JSON text packed into a string where an object or an array is expected: the `value` of a PATCH operation with or
    /// without a path, and a complex value in a body (SailPoint, clients built with SCIM-SDK).
    PackedValue = "packed-value" in [Lenient],
    /// JSON text as the `value` of a list element, which describes the element:
    /// `{"value": "{\"id\":\"…\",\"value\":\"reviewer\",\"displayName\":\"Reviewer\"}"}` becomes the element `reviewer` with
    /// the display name `Reviewer` (the app roles of Entra).
    PackedElement = "packed-element" in [Lenient],
    /// A PATCH or search body without its `schemas` (RFC 7644 §3.5.2, §3.4.3).
    MissingMessageSchema = "missing-message-schema" in [Lenient],
    /// A PATCH body whose `schemas` spells the URN of the PatchOp message in another way (RFC 7644 §3.5.2).
    MessageSchemaSpelling = "message-schema-spelling" in [Lenient],
    /// A PATCH body whose `Operations` is empty. RFC 7644 §3.5.2 requires at least one operation; the validator of Entra
    /// sends none and expects success.
    NoOperations = "no-operations" in [Entra],
    /// `add` through a value path without a `value`: the condition describes the element (clients of Bitwarden and
    /// Corteza).
    AddWithoutValue = "add-without-value" in [Lenient],
    /// The attributes of the core schema in an object under the URN of that schema, as those of an extension are.
    CoreSchemaObject = "core-schema-object" in [Lenient],
    /// `filter` without a condition, in a query or in a search body: every resource is listed.
    EmptyFilter = "empty-filter" in [Lenient],
    /// A UTF-8 byte order mark before the body (RFC 8259 §8.1 lets a parser ignore it).
    ByteOrderMark = "byte-order-mark" in [Lenient],
    /// A resource body without `schemas`, or without its base schema (RFC 7643 §3).
    MissingSchema = "missing-schema" in [Lenient],
    /// A `schemas` member that this resource type does not have is ignored (Entra E-16).
    UnknownSchema = "unknown-schema" in [Lenient],
    /// An attribute that the schema does not have is dropped (Entra E-28, Okta O-19). Without it: 400.
    UnknownAttribute = "unknown-attribute" in [Lenient],
    /// Read-only attributes in the value of a path-less PATCH that name what the resource already has (Okta O-11).
    ReadOnlyEcho = "read-only-echo" in [Lenient],
    /// A value path followed by a sub-attribute in a filter: `emails[type eq "work"].value eq "x"` (Entra E-02).
    ValuePathComparison = "value-path-comparison" in [Lenient],
    /// An attribute of an extension named without its URN: `manager eq "x"` (Entra E-20). Only where the name is
    /// unambiguous.
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
    /// A URI that contains a blank, kept as the client sent it. RFC 3986 §2 allows no blank, so only
    /// [`Quirks::entra`] has it.
    UriWithBlank = "uri-with-blank" in [Entra],
    /// A reference to a resource that does not exist is dropped. In no preset: the client is told of success, and the
    /// member is missing. A host that serves Okta may prefer that, since Okta never retries a group push that failed
    /// with 400.
    MissingReference = "missing-reference" in [],
    /// `attributes` and `excludedAttributes` in one request: `attributes` wins (RFC 7644 §3.9 excludes both).
    BothProjections = "both-projections" in [],
}

/// A set of [`Quirk`]s: which habits are tolerated, or which were met.
///
/// The default tolerates every habit that no MUST or SHALL of the RFC forbids.
///
/// ```
/// use scim_core::{Quirk, Quirks};
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
    /// No habit at all.
    pub(crate) const NONE: Self = Self(0);

    const LENIENT: Self = Self::declared_in(Preset::Lenient);

    const fn bit(quirk: Quirk) -> u64 {
        1 << quirk as u32
    }

    /// The RFCs to the letter: nothing is tolerated.
    pub const fn strict() -> Self {
        Self::NONE
    }

    /// The default, and the habits of Microsoft Entra ID that contradict RFC 7644 or RFC 7643:
    /// [`Quirk::ReplaceCreatesElement`], [`Quirk::UnknownPath`], [`Quirk::NoOperations`] and [`Quirk::UriWithBlank`].
    pub const fn entra() -> Self {
        Self::LENIENT.union(Self::declared_in(Preset::Entra))
    }

    /// What Okta's traffic needs. Today the same as the default; named so that a host can say what it means.
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

/// What is tolerated in one request, and what of it was met so far.
///
/// ```
/// use scim_core::{Quirk, Quirks, quirks::Tolerance};
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
    /// Tolerates `quirks`; nothing was met yet.
    pub const fn new(quirks: Quirks) -> Self {
        Self { tolerated: quirks, applied: Quirks::NONE }
    }

    /// Whether `quirk` is tolerated. If so, it is recorded as met: ask only where the habit is at hand.
    pub fn allows(&mut self, quirk: Quirk) -> bool {
        let allowed = self.tolerated.contains(quirk);
        if allowed {
            self.applied = self.applied.with(quirk);
        }
        allowed
    }

    /// Records habits that were met, and tolerated, elsewhere.
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
