//! Users and groups with methods for the attributes in RFC 7643 §4, for hosts that work with them in Rust.
//!
//! A typed resource wraps the resource: attributes without a method, of an extension or of the host's own, stay in
//! the resource.

mod group;
mod user;

use std::fmt;

pub use self::{
    group::{Group, Member},
    user::{Element, EnterpriseUser, Name, User},
};

/// A resource of another schema than the expected schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a resource of the schema `{expected}`, found a {found}")]
pub struct WrongSchema {
    expected: &'static str,
    found: Box<str>,
}

impl WrongSchema {
    fn new(expected: &'static str, found: impl fmt::Display) -> Self {
        Self { expected, found: found.to_string().into() }
    }
}

/// Conversions between a typed resource and the plain resource.
macro_rules! typed {
    ($name:ident, $schema:expr) => {
        impl $name {
            /// The plain resource, with all attributes.
            pub fn as_resource(&self) -> &Resource {
                &self.resource
            }

            /// The plain resource, to be changed by [paths](Resource::set).
            pub fn as_resource_mut(&mut self) -> &mut Resource {
                &mut self.resource
            }

            /// The plain resource.
            pub fn into_resource(self) -> Resource {
                self.resource
            }

            /// The identifier that the service provider assigned to the resource (RFC 7643 §3.1); empty before the
            /// assignment.
            pub fn id(&self) -> &str {
                self.resource.id()
            }

            /// The identifier that the client assigned to the resource (RFC 7643 §3.1).
            pub fn external_id(&self) -> Option<&str> {
                self.resource.external_id()
            }
        }

        impl TryFrom<Resource> for $name {
            type Error = WrongSchema;

            fn try_from(resource: Resource) -> Result<Self, WrongSchema> {
                if resource.resource_type().schema().id().eq_ignore_ascii_case($schema) {
                    Ok(Self { resource })
                } else {
                    Err(WrongSchema::new($schema, resource.resource_type().name()))
                }
            }
        }

        impl From<$name> for Resource {
            fn from(typed: $name) -> Self {
                typed.resource
            }
        }
    };
}

/// A method for each string attribute.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $path:literal,)*) => {
        $($(#[$doc])* pub fn $name(&self) -> Option<&str> {
            self.text($path)
        })*
    };
}

pub(in crate::resource::typed) use {texts, typed};
