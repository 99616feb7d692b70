//! The single sign-on of an organization on the command line.

/// The single sign-on that `--single-sign-on` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleSignOn {
    /// Something else than this program signs people in.
    External,
    /// An OpenID provider. Its client's secret comes by the environment: others on the machine can read a command line.
    OpenId {
        /// The issuer, whose discovery document has the addresses.
        issuer: String,
        /// The id of the client.
        client_id: String,
    },
}

impl std::str::FromStr for SingleSignOn {
    type Err = &'static str;

    /// Reads `external` or `oidc:ISSUER,CLIENT_ID`.
    ///
    /// ```
    /// use platform::arguments::SingleSignOn;
    ///
    /// assert_eq!("external".parse(), Ok(SingleSignOn::External));
    /// let openid = SingleSignOn::OpenId { issuer: "https://example.com".into(), client_id: "platform".into() };
    /// assert_eq!("oidc:https://example.com,platform".parse(), Ok(openid));
    /// assert!("oidc:https://example.com".parse::<SingleSignOn>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "external" {
            return Ok(Self::External);
        }
        // An issuer has no comma in practice; a client id may have one.
        let parts = text.strip_prefix("oidc:").and_then(|rest| rest.split_once(','));
        match parts.filter(|(issuer, client_id)| issuer.contains("://") && !client_id.is_empty()) {
            Some((issuer, client_id)) => {
                Ok(Self::OpenId { issuer: issuer.to_owned(), client_id: client_id.to_owned() })
            }
            None => Err("expected `external` or `oidc:ISSUER,CLIENT_ID`"),
        }
    }
}
