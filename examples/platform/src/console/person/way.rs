//! The way in which a person signs in, in words.

use crate::{
    account::Account,
    console::{Console, Failure, passage::in_use},
    sign_on::By,
};

/// Describes the way for one person.
pub(super) async fn of(console: &Console, organization: &str, account: &Account) -> Result<String, Failure> {
    let (name, user_name) = (&account.name, &account.user_name);
    if !account.active {
        return Ok(format!("{name} can't sign in while the account is deactivated."));
    }
    if account.has_password() {
        return Ok(format!("{name} signs in as {user_name} with a password."));
    }
    let by = in_use(console, organization).await?.map(|(_, settings, _)| settings.by());
    let way = match by {
        Some(By::UserName) => {
            format!("{name} signs in by single sign-on, which must report the user name {user_name}.")
        }
        Some(By::ExternalId) if account.is_from_scim() || account.released.is_some() => {
            format!("{name} signs in by single sign-on, which must report the external ID from SCIM.")
        }
        Some(By::ExternalId) => format!(
            "{name} can't sign in by single sign-on: it reports external IDs, and an account made by hand has none."
        ),
        None if is_external(console, organization).await? => {
            format!("Something else signs {name} in, by the user name {user_name}.")
        }
        None => format!("Single sign-on is off, so {name} can't sign in by it."),
    };
    if account.is_administrator() {
        return Ok(format!(
            "{way} The first sign-in of an administrator goes by the one-time link, to choose a password."
        ));
    }
    Ok(way)
}

/// Describes the way for people without a password, for the form of a new account.
pub(super) async fn of_members(console: &Console, organization: &str) -> Result<String, Failure> {
    Ok(match in_use(console, organization).await? {
        Some((_, settings, _)) if settings.by() == By::UserName => {
            "A member signs in by single sign-on, which must report this user name."
        }
        Some(_) => {
            "Single sign-on reports external IDs here. An account made by hand has none, so a member can't sign in."
        }
        None if is_external(console, organization).await? => "Something else signs members in, by this user name.",
        None => "A member signs in by single sign-on with this user name, once it is set up.",
    }
    .to_owned())
}

async fn is_external(console: &Console, organization: &str) -> Result<bool, Failure> {
    let found = console.organization(organization).await?;
    Ok(&*found.sign_on == "external")
}
