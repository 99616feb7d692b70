//! Seven patches of a user, as Entra ID and Okta send them.

/// A patch of a user.
#[derive(Debug)]
pub struct PatchInput {
    /// The name of the patch's line in the report.
    pub name: &'static str,
    /// The operations, as JSON.
    pub operations: &'static str,
}

impl PatchInput {
    /// The request body.
    pub fn body(&self) -> String {
        message(self.operations)
    }
}

/// A PATCH request body with these operations.
pub fn message(operations: &str) -> String {
    format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operations}]}}"#)
}

/// The seven patches.
pub const PATCHES: &[PatchInput] = &[
    PatchInput { name: "patch/entra-disable", operations: r#"{"op":"Replace","path":"active","value":"False"}"# },
    PatchInput { name: "patch/okta-disable", operations: r#"{"op":"replace","value":{"active":false}}"# },
    PatchInput {
        name: "patch/entra-email",
        operations: r#"{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}"#,
    },
    PatchInput {
        name: "patch/entra-five",
        operations: r#"{"op":"Replace","path":"displayName","value":"New Name"},{"op":"Replace","path":"name.givenName","value":"New"},{"op":"Add","path":"title","value":"Manager"},{"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":"+1 555 000 0000"},{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Moved"}"#,
    },
    PatchInput {
        name: "patch/okta-profile",
        operations: r#"{"op":"replace","value":{"displayName":"New Name","nickName":"New","title":"Manager","userType":"Partner"}}"#,
    },
    PatchInput {
        name: "patch/remove",
        operations: r#"{"op":"remove","path":"phoneNumbers[type eq \"mobile\"]"},{"op":"remove","path":"title"}"#,
    },
    PatchInput {
        name: "patch/add-email",
        operations: r#"{"op":"add","path":"emails","value":[{"value":"more@example.com","type":"other"}]}"#,
    },
];
