//! The commands of an administrator: keys, organizations, clients, invitations, and a look at the events.

mod oauth;

use std::{error::Error, io::Write};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use scim_core::{bearer::Token, store::TenantId};
use serde_json::{Value, json};

use crate::{
    account::{Accounts, NewAccount},
    arguments::{AdministratorCommand, Command, GroupNames, KeyCommand, OrganizationCommand},
    console::Console,
    database::Database,
    directory::{Directory, Key, OrganizationName},
    invitation::{self, Earlier},
    store::outbox,
};

type CommandResult = Result<(), Box<dyn Error>>;

/// Runs the command, and writes its result to `out`.
pub async fn run(command: Command, directory: &Directory, database: &Database, out: &mut impl Write) -> CommandResult {
    match command {
        Command::Key { command } => keys(command, directory, out).await,
        Command::Organization { command } => organizations(command, directory, out).await,
        Command::Oauth { command } => oauth::run(command, database, out).await,
        Command::Administrator {
            command: AdministratorCommand::Invite { organization, user_name, name, public_url, .. },
        } => {
            let name = name.unwrap_or_else(|| user_name.clone());
            if directory.organization(organization.as_str()).await?.is_none() {
                let known = directory.organizations().await?;
                let names: Vec<&str> = known.iter().take(20).map(|organization| &*organization.name).collect();
                return Err(
                    format!("no organization has the name `{organization}`; there are: {}", names.join(", ")).into()
                );
            }
            let link = invite(database, &organization, &user_name, &name, &public_url, Earlier::End).await?;
            writeln!(out, "{link} (works once, within 24 hours)")?;
            Ok(())
        }
        Command::Events { organization, after, limit, .. } => {
            let tenant = TenantId::new(organization.as_str())?;
            for row in outbox(database, &tenant, after, limit).await? {
                let event: Value = serde_json::from_str(&row.body)?;
                writeln!(out, "{}", json!({"position": row.position, "event": event}))?;
            }
            Ok(())
        }
    }
}

/// Creates an administrator of the organization, unless an administrator with this user name exists, and returns a
/// link for the first sign-in.
///
/// # Errors
///
/// When another person of the organization has the user name, or the database does not answer.
pub async fn invite(
    database: &Database,
    organization: &OrganizationName,
    user_name: &str,
    name: &str,
    url: &str,
    earlier: Earlier,
) -> Result<String, Box<dyn Error>> {
    let (accounts, tenant) = (Accounts::new(database.clone()), organization.as_str());
    let account = match accounts.find_made_by_hand(tenant, user_name).await? {
        Some(account) if account.is_administrator() && !account.active => {
            return Err(format!("the administrator `{user_name}` is deactivated").into());
        }
        Some(account) if account.is_administrator() => account.id,
        Some(_) => return Err(format!("`{user_name}` is not an administrator").into()),
        None => {
            let new = NewAccount {
                tenant: tenant.to_owned(),
                user_name: user_name.to_owned(),
                name: name.to_owned(),
                email: None,
                administrator: true,
                made_by: None,
            };
            accounts.add(new).await?
        }
    };
    let secret = invitation::invite(database, tenant, &account, None, earlier).await?;
    let secret = secret.ok_or("the administrator was deactivated or removed just now")?;
    let path = Console::path(tenant, &format!("invitation/{secret}"));
    Ok(format!("{}{path}", url.trim_end_matches('/')))
}

/// Creates a key for an organization. Only this call returns its token.
pub async fn new_key(
    directory: &Directory,
    organization: &OrganizationName,
    name: &str,
    lifetime: Option<TimeDelta>,
) -> Result<Token, Box<dyn Error>> {
    let token = Token::generate()?;
    let mut key = Key::generated(organization, name, &token);
    key.expires = lifetime.and_then(|lifetime| key.created.checked_add_signed(lifetime));
    directory.add_key(key).await?;
    Ok(token)
}

async fn keys(command: KeyCommand, directory: &Directory, out: &mut impl Write) -> CommandResult {
    match command {
        KeyCommand::New { organization, name, expires_days, .. } => {
            let lifetime = expires_days.map(TimeDelta::try_days).map(|days| days.ok_or("expected fewer days"));
            let token = new_key(directory, &organization, &name, lifetime.transpose()?).await?;
            writeln!(out, "API key {} (shown once)", token.reveal())?;
        }
        KeyCommand::List { organization, .. } => {
            let now = Utc::now();
            let heads = ["DIGEST", "ORGANIZATION", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME"];
            let mut rows = vec![heads.map(str::to_owned)];
            for key in directory.keys(organization.as_ref()).await? {
                let state = match () {
                    () if key.is_valid(now) => "valid",
                    () if key.revoked.is_some() => "revoked",
                    () => "expired",
                };
                let (expires, used) = (key.expires.map(shown), key.used.map(shown));
                let [expires, used] = [expires, used].map(|time| time.unwrap_or_else(|| "never".to_owned()));
                let digest = key.shown();
                rows.push([digest, key.organization, state.to_owned(), shown(key.created), expires, used, key.name]);
            }
            table(&rows, out)?;
        }
        KeyCommand::Revoke { digest, .. } => {
            let key = directory.revoke(&digest).await?;
            let (shown, organization) = (key.shown(), &key.organization);
            match key.revoked {
                Some(at) => writeln!(out, "key {shown} of {organization} was revoked already, {}", self::shown(at))?,
                None => writeln!(out, "key {shown} of {organization} is revoked")?,
            }
        }
    }
    Ok(())
}

async fn organizations(command: OrganizationCommand, directory: &Directory, out: &mut impl Write) -> CommandResult {
    match command {
        OrganizationCommand::New(one) => {
            directory.ensure_organization(&one.name).await?;
            writeln!(out, "organization {} is there", one.name)?;
        }
        OrganizationCommand::GroupNames { name, rule, .. } => {
            directory.set_unique_groups(&name, rule == GroupNames::Unique).await?;
            let done = if rule == GroupNames::Unique { "must be unique" } else { "may repeat" };
            writeln!(out, "the names of groups {done} for {name}")?;
        }
        OrganizationCommand::List { .. } => {
            let mut rows = vec![["ORGANIZATION", "SCIM", "CREATED"].map(str::to_owned)];
            for organization in directory.organizations().await? {
                let scim = if organization.scim { "on" } else { "off" };
                rows.push([organization.name, scim.to_owned(), shown(organization.created)]);
            }
            table(&rows, out)?;
        }
        OrganizationCommand::Enable(one) => {
            directory.set_scim(&one.name, true).await?;
            writeln!(out, "SCIM is on for {}", one.name)?;
        }
        OrganizationCommand::Disable(one) => {
            directory.set_scim(&one.name, false).await?;
            writeln!(out, "SCIM is off for {}", one.name)?;
        }
    }
    Ok(())
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Writes columns that are as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]], out: &mut impl Write) -> std::io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
