//! Both kits, for each application on each of its databases.

use std::{collections::BTreeMap, fmt::Write as _};

use scim_core::{
    quirks::{Quirk, Quirks},
    sql::Dialect,
    testkit::{Check, Traffic},
};

use super::{
    Anything,
    application::{Application, IRONCLAW, METABASE, OMICRON, TABBY, VAULTWARDEN},
};

/// Runs the store kit. An application without tenants gets a fresh database for each check.
async fn store_kit(application: &Application, dialect: Dialect) -> Result<(), Anything> {
    let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut failures = String::new();
    let mut kit = None;
    for (run, check) in (1..).zip(Check::ALL) {
        if kit.is_none() || !application.has_tenants {
            let Some(host) = application.host(dialect).await? else { return Ok(()) };
            kit = Some((application.kit(&host, run).await?, host));
        }
        let Some((kit, host)) = &kit else { return Ok(()) };
        let outcome = kit.run(*check).await;
        if let scim_core::testkit::Outcome::Failed(failure) = &outcome {
            writeln!(failures, "{}: {failure:?}", check.name())?;
        }
        let text = match outcome {
            scim_core::testkit::Outcome::Passed => "passed".to_owned(),
            scim_core::testkit::Outcome::Skipped(why) => format!("skipped: {why}"),
            _ => "failed".to_owned(),
        };
        outcomes.entry(text).or_default().push(check.name());
        if !application.has_tenants {
            host.remove().await?;
        }
    }
    if application.has_tenants
        && let Some((_, host)) = &kit
    {
        host.remove().await?;
    }
    println!("{} on {dialect:?}:", application.name);
    for (outcome, checks) in &outcomes {
        println!("  {} {outcome}: {}", checks.len(), checks.join(", "));
    }
    assert!(failures.is_empty(), "{} on {dialect:?}:\n{failures}", application.name);
    Ok(())
}

/// Runs the sequences of identity providers, each in a fresh database, twice.
async fn traffic_kit(application: &Application, dialect: Dialect) -> Result<(), Anything> {
    for traffic in Traffic::all() {
        let Some(host) = application.host(dialect).await? else { return Ok(()) };
        let quirks = match traffic.name() {
            "Okta" => Quirks::okta(),
            "Microsoft Entra ID" => Quirks::entra(),
            // Attributes that the application lacks.
            _ => Quirks::default().with(Quirk::UnknownPath),
        };
        let provider = application.provider(&host, quirks).await?;
        let context = application.context(&host, "traffic")?;
        for run in 1..=2 {
            let replay = traffic.replay(&provider, &context, run).await;
            let count = replay.not_applicable().count();
            println!("{} on {dialect:?}: {}, {count} not applicable", application.name, traffic.name());
            assert!(replay.is_passed(), "{} on {dialect:?}\n{replay}", application.name);
        }
        host.remove().await?;
    }
    Ok(())
}

macro_rules! kits {
    ($($store:ident, $traffic:ident: $application:ident on $dialect:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $store() -> Result<(), Anything> {
            store_kit(&$application, Dialect::$dialect).await
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $traffic() -> Result<(), Anything> {
            traffic_kit(&$application, Dialect::$dialect).await
        }
    )*};
}

kits! {
    tabby_store_sqlite, tabby_traffic_sqlite: TABBY on Sqlite;
    vaultwarden_store_sqlite, vaultwarden_traffic_sqlite: VAULTWARDEN on Sqlite;
    vaultwarden_store_postgres, vaultwarden_traffic_postgres: VAULTWARDEN on Postgres;
    omicron_store_sqlite, omicron_traffic_sqlite: OMICRON on Sqlite;
    omicron_store_postgres, omicron_traffic_postgres: OMICRON on Postgres;
    ironclaw_store_sqlite, ironclaw_traffic_sqlite: IRONCLAW on Sqlite;
    ironclaw_store_postgres, ironclaw_traffic_postgres: IRONCLAW on Postgres;
    metabase_store_postgres, metabase_traffic_postgres: METABASE on Postgres;
}
