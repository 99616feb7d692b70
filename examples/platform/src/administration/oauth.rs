//! OAuth clients on the command line.

use std::io::Write;

use chrono::{TimeDelta, Utc};

use super::{CommandResult, shown, table};
use crate::{
    arguments::{ClientCommand, FederationArguments, OauthCommand},
    database::Database,
    directory::OrganizationName,
    oauth::{Clients, NewClient, token_url},
};

pub(super) async fn run(command: OauthCommand, database: &Database, out: &mut impl Write) -> CommandResult {
    let OauthCommand::Client { command } = command;
    let clients = Clients::new(database.clone());
    match command {
        ClientCommand::New { organization, name, expires_days, federation, public_url, .. } => {
            let federation = federation.as_ref().map(FederationArguments::settings).transpose()?;
            let (organization, has_secret) = (organization.to_string(), federation.is_none());
            let new = NewClient { organization: organization.clone(), name, made_by: None, federation };
            let client = clients.add(new).await?;
            writeln!(out, "Client id {}", client.id)?;
            if has_secret {
                let secret = clients.add_secret(&organization, &client.id, TimeDelta::days(expires_days)).await?;
                writeln!(out, "Client secret {} (shown once)", secret.reveal())?;
            }
            writeln!(out, "Token URL {}", token_url(&public_url, &organization))?;
        }
        ClientCommand::List { organization, .. } => {
            let now = Utc::now();
            let heads = ["CLIENT", "ORGANIZATION", "STATE", "SECRET", "CREATED", "EXPIRES", "LAST USED", "NAME"];
            let mut rows = vec![heads.map(str::to_owned)];
            let organization = organization.as_ref().map(OrganizationName::as_str);
            for client in clients.list(organization).await? {
                let used = |time: Option<_>| time.map_or_else(|| "never".to_owned(), shown);
                let is_revoked = client.revoked.is_some();
                let first = [client.id, client.organization];
                let row = |rest: [String; 5]| {
                    let [id, organization] = first.clone();
                    let [state, secret, created, expires, used] = rest;
                    [id, organization, state, secret, created, expires, used, client.name.clone()]
                };
                let state = |other: &str| if is_revoked { "revoked".to_owned() } else { other.to_owned() };
                if client.federation.is_some() || client.secrets.is_empty() {
                    let secret = if client.federation.is_some() { "federated" } else { "none" };
                    let (created, used) = (shown(client.created), used(client.used));
                    rows.push(row([state("valid"), secret.to_owned(), created, "never".to_owned(), used]));
                }
                for secret in &client.secrets {
                    let valid = if secret.is_valid(now) { "valid" } else { "expired" };
                    let [created, expires] = [secret.created, secret.expires].map(shown);
                    rows.push(row([state(valid), secret.shown(), created, expires, used(secret.used)]));
                }
            }
            table(&rows, out)?;
        }
        ClientCommand::Revoke { client, .. } => {
            let found = clients.find_anywhere(&client).await?;
            let before = clients.revoke(&found.organization, &client).await?;
            match before.revoked {
                Some(at) => writeln!(out, "client {client} was revoked already, {}", shown(at))?,
                None => writeln!(out, "client {client} of {} is revoked", before.organization)?,
            }
        }
        ClientCommand::Secret { client, expires_days, delete, .. } => {
            let found = clients.find_anywhere(&client).await?;
            if let Some(prefix) = delete {
                let secret = clients.delete_secret(&found.organization, &client, &prefix).await?;
                writeln!(out, "secret {} of client {client} is deleted", secret.shown())?;
            } else {
                let lifetime = TimeDelta::days(expires_days);
                let secret = clients.add_secret(&found.organization, &client, lifetime).await?;
                writeln!(out, "Client secret {} (shown once)", secret.reveal())?;
            }
        }
    }
    Ok(())
}
