//! Each habit that PATCH meets: accepted and reported when tolerated, refused when not.

use scim_core::{
    Quirk::{self, *},
    patch::PatchErrorKind::{self, InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget},
};

use super::fixtures::Before::{self, Badge, Bare, Group, User};

/// One habit: what is done, what comes of it with nothing else tolerated, and the error without.
pub(crate) struct Habit {
    pub(crate) quirk: Quirk,
    pub(crate) before: Before,
    pub(crate) operations: &'static str,
    pub(crate) changes: &'static str,
    pub(crate) refused: PatchErrorKind,
}

const fn habit(
    quirk: Quirk,
    before: Before,
    operations: &'static str,
    changes: &'static str,
    refused: PatchErrorKind,
) -> Habit {
    Habit { quirk, before, operations, changes, refused }
}

pub(crate) const HABITS: &[Habit] = &[
    habit(OperationCase, User, r#"{"op":"Replace","path":"title","value":"T"}"#, r#"{"title":"T"}"#, InvalidSyntax),
    habit(
        UnknownPath,
        User,
        r#"{"op":"add","path":"shoeSize","value":5},{"op":"replace","path":"title","value":"T"}"#,
        r#"{"title":"T"}"#,
        InvalidPath,
    ),
    habit(
        UnknownPath,
        User,
        r#"{"op":"remove","path":"emails[type eq \"work\"].shoe"},{"op":"replace","path":"title","value":"T"}"#,
        r#"{"title":"T"}"#,
        InvalidPath,
    ),
    habit(
        BooleanStrings,
        User,
        r#"{"op":"replace","path":"active","value":"False"}"#,
        r#"{"active":false}"#,
        InvalidValue,
    ),
    habit(
        BooleanStrings,
        User,
        r#"{"op":"remove","path":"emails[primary eq \"True\"]"}"#,
        r#"{"emails":[{"value":"b@home.com","type":"home"}]}"#,
        PatchErrorKind::InvalidFilter,
    ),
    habit(
        PathKeys,
        Bare,
        r#"{"op":"add","value":{"name.givenName":"G"}}"#,
        r#"{"name":{"givenName":"G"}}"#,
        InvalidSyntax,
    ),
    habit(
        PathKeys,
        Bare,
        r#"{"op":"add","value":{"ENT:department":"D"}}"#,
        r#"{"ENT":{"department":"D"}}"#,
        InvalidSyntax,
    ),
    habit(
        PathKeys,
        User,
        r#"{"op":"replace","value":{"phoneNumbers[type eq \"work\"].display":"D"}}"#,
        r#"{"phoneNumbers":[{"value":"555","type":"work","display":"D"}]}"#,
        InvalidSyntax,
    ),
    habit(
        PathKeys,
        Bare,
        r#"{"op":"add","value":{"ENT":{"manager.value":"9"}}}"#,
        r#"{"ENT":{"manager":{"value":"9"}}}"#,
        InvalidSyntax,
    ),
    habit(
        RemoveWithValue,
        Group,
        r#"{"op":"remove","path":"members","value":[{"value":"b"},{"value":"c"}]}"#,
        r#"{"members":[{"value":"a","type":"User"}]}"#,
        InvalidValue,
    ),
    habit(
        RemoveWithValue,
        Badge,
        r#"{"op":"remove","path":"tags","value":["red"]}"#,
        r#"{"tags":["blue"]}"#,
        InvalidValue,
    ),
    habit(
        RemoveWithValue,
        User,
        r#"{"op":"remove","path":"displayName","value":"Babs"}"#,
        r#"{"displayName":null}"#,
        InvalidValue,
    ),
    habit(
        RemoveWithValue,
        User,
        r#"{"op":"remove","path":"phoneNumbers[type eq \"work\"].display","value":"desk"}"#,
        r#"{"phoneNumbers":[{"value":"555","type":"work"}]}"#,
        InvalidValue,
    ),
    habit(
        AddCreatesElement,
        Bare,
        r#"{"op":"add","path":"emails[type eq \"work\"].value","value":"n@x"}"#,
        r#"{"emails":[{"type":"work","value":"n@x"}]}"#,
        NoTarget,
    ),
    habit(
        AddCreatesElement,
        Bare,
        r#"{"op":"add","path":"emails[type eq \"work\"]","value":{"value":"n@x"}}"#,
        r#"{"emails":[{"type":"work","value":"n@x"}]}"#,
        NoTarget,
    ),
    habit(
        ReplaceCreatesElement,
        Bare,
        r#"{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"}"#,
        r#"{"emails":[{"type":"work","value":"n@x"}]}"#,
        NoTarget,
    ),
    habit(
        BareValue,
        Bare,
        r#"{"op":"add","path":"ENT:manager","value":"9"}"#,
        r#"{"ENT":{"manager":{"value":"9"}}}"#,
        InvalidValue,
    ),
    habit(
        ListOfOne,
        Bare,
        r#"{"op":"add","path":"ENT:manager","value":[{"value":"9"}]}"#,
        r#"{"ENT":{"manager":{"value":"9"}}}"#,
        InvalidValue,
    ),
    habit(
        OneForList,
        Bare,
        r#"{"op":"add","path":"emails","value":{"value":"n@x"}}"#,
        r#"{"emails":[{"value":"n@x"}]}"#,
        InvalidValue,
    ),
    habit(EmptyString, User, r#"{"op":"replace","path":"name","value":""}"#, r#"{"name":null}"#, InvalidValue),
    habit(PackedValue, User, r#"{"op":"replace","value":"{\"active\":false}"}"#, r#"{"active":false}"#, InvalidValue),
    habit(UnknownSchema, User, r#"{"op":"add","path":"schemas","value":["urn:example:none"]}"#, "{}", InvalidValue),
    habit(
        UnknownAttribute,
        User,
        r#"{"op":"replace","value":{"shoe":1,"active":false}}"#,
        r#"{"active":false}"#,
        InvalidSyntax,
    ),
    habit(
        ReadOnlyEcho,
        User,
        r#"{"op":"replace","value":{"id":"2819","active":false}}"#,
        r#"{"active":false}"#,
        Mutability,
    ),
    habit(
        ReadOnlyEcho,
        User,
        r#"{"op":"replace","value":{"meta":{"version":"x"},"active":false}}"#,
        r#"{"active":false}"#,
        Mutability,
    ),
    habit(
        BareExtensionAttribute,
        Bare,
        r#"{"op":"add","path":"department","value":"D"}"#,
        r#"{"ENT":{"department":"D"}}"#,
        InvalidPath,
    ),
    habit(
        ZonelessDateTime,
        Badge,
        r#"{"op":"replace","path":"opened","value":"2021-01-01T00:00:00"}"#,
        r#"{"opened":"2021-01-01T00:00:00Z"}"#,
        InvalidValue,
    ),
];
