//! Clients and secrets that the form of a page creates. Each form has a name of its own and creates one client or
//! one secret, regardless of how often a browser sends the form and to which instance.

use chrono::TimeDelta;
use scim_core::bearer::Token;

use super::{Client, ClientError, Clients, NewClient};

impl Clients {
    /// Creates a client and its first secret, valid for `lifetime`, in one commit. A client with a federated
    /// identity gets no secret.
    ///
    /// # Errors
    ///
    /// The errors of [`Clients::add`] and [`Clients::add_secret`], and [`ClientError::Repeated`] when the form has
    /// already created a client.
    pub async fn add_by_form(
        &self,
        new: NewClient,
        form: &str,
        lifetime: TimeDelta,
    ) -> Result<(Client, Option<Token>), ClientError> {
        let (client, insert) = self.prepare(new, Some(form)).await?;
        let (mut statements, mut token) = (vec![insert], None);
        if client.federation.is_none() {
            let (secret, insert) = self.new_secret(&client.id, lifetime, None)?;
            statements.push(insert);
            token = Some(secret);
        }
        let changed = self.database.execute(statements).await?;
        if changed.first() == Some(&1) { Ok((client, token)) } else { Err(ClientError::Repeated) }
    }

    /// Whether the form has already created a client or an API key.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn is_used(&self, form: &str) -> Result<bool, ClientError> {
        let mut query = self.statement("SELECT name FROM api_key WHERE form = ");
        query.bind(form).push(" UNION ALL SELECT name FROM oauth_client WHERE form = ").bind(form);
        let rows = self.database.look_up(vec![query]).await?;
        Ok(rows.into_iter().flatten().next().is_some())
    }

    /// Creates an additional secret for a client, like [`Clients::add_secret`].
    ///
    /// # Errors
    ///
    /// The errors of [`Clients::add_secret`], and [`ClientError::Repeated`] when the form has already created a
    /// secret.
    pub async fn add_secret_by_form(
        &self,
        organization: &str,
        id: &str,
        form: &str,
        lifetime: TimeDelta,
    ) -> Result<Token, ClientError> {
        let (token, insert) = self.prepare_secret(organization, id, lifetime, Some(form)).await?;
        let changed = self.database.execute(vec![insert]).await?;
        if changed.first() == Some(&1) { Ok(token) } else { Err(ClientError::Repeated) }
    }
}
