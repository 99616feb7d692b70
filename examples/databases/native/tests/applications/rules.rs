//! The special rules of Tabby, Metabase and omicron, seen through the host's own SQL.

use scim_core::sql::Dialect;
use serde_json::{Value as Json, json};

use super::{
    Anything,
    application::{METABASE, OMICRON, TABBY},
    client::{Client, group},
};

#[tokio::test(flavor = "multi_thread")]
async fn tabby_keeps_its_own_columns() -> Result<(), Anything> {
    let Some(client) = Client::of(&TABBY, Dialect::Sqlite).await? else { return Ok(()) };
    let ada = client.user("Ada@Example.com", json!({"name": {"givenName": "Ada", "familyName": "Lovelace"}})).await;
    let bob = client.user("bob@example.com", json!({})).await;
    // Each user has a secret of its own.
    let secrets = client.row("SELECT count(DISTINCT auth_token) FROM users WHERE length(auth_token) = 32").await;
    assert_eq!(secrets, "2");
    client.execute("UPDATE users SET is_admin = 1, password_encrypted = 'x', updated_at = '2000-01-01 00:00:00'").await;
    let secret = client.row(&format!("SELECT auth_token FROM users WHERE id = {ada}")).await;

    let target = format!("/Users/{ada}");
    let (_, _, mut document) = client.get(&target).await;
    document["title"] = json!("Countess");
    assert_eq!(client.send("PUT", &target, document).await.0, 200);
    assert_eq!(client.patch(&target, "active", json!(false)).await.0, 200);
    let columns = "email, name, is_admin, active, password_encrypted, auth_token";
    let row = client.row(&format!("SELECT {columns} FROM users WHERE id = {ada}")).await;
    assert_eq!(row, format!("Ada@Example.com|Ada Lovelace|1|0|x|{secret}"));
    let touched = client.row("SELECT count(*) FROM users WHERE updated_at > '2000-01-02'").await;
    assert_eq!(touched, "1", "only the time of the changed user");

    // A name in another case is taken, and the refusal changes nothing.
    let before = client.host.rows("SELECT id, email, updated_at FROM users").await?;
    let again = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ADA@example.COM"});
    assert_eq!(client.send("POST", "/Users", again).await.0, 409);
    assert_eq!(client.patch(&format!("/Users/{bob}"), "userName", json!("ada@example.com")).await.0, 409);
    assert_eq!(client.host.rows("SELECT id, email, updated_at FROM users").await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tabby_keeps_the_rows_of_members() -> Result<(), Anything> {
    let Some(client) = Client::of(&TABBY, Dialect::Sqlite).await? else { return Ok(()) };
    let [ada, bob] = [client.user("ada@example.com", json!({})).await, client.user("bob@example.com", json!({})).await];
    let team = client.group("Team", &[&ada]).await;
    client.execute("UPDATE user_group_memberships SET is_group_admin = TRUE").await;
    let row = format!("SELECT id, is_group_admin FROM user_group_memberships WHERE user_id = {ada}");
    let before = client.row(&row).await;
    let target = format!("/Groups/{team}");
    assert_eq!(client.send("PUT", &target, group("Team", &[&ada, &bob])).await.0, 200);
    assert_eq!(client.patch(&target, "members", json!([{"value": ada}])).await.0, 200);
    assert_eq!(client.row(&row).await, before);
    assert_eq!(before, "1|1");

    // A member that the host adds shows at once, with another version.
    let (_, version, _) = client.get(&target).await;
    client
        .execute(&format!("INSERT INTO user_group_memberships (user_id, user_group_id) VALUES ({bob}, {team})"))
        .await;
    let (_, later, _) = client.get(&target).await;
    assert_ne!(later, version);
    assert_eq!(client.members(&team).await.len(), 2);

    // A row that the host deletes takes its members and its row in the side table with it.
    client.execute(&format!("DELETE FROM users WHERE id = {bob}")).await;
    assert_eq!(client.row("SELECT count(*) FROM scim_user").await, "1");
    assert_eq!(client.get(&format!("/Users/{bob}")).await.0, 404);
    let (_, last, _) = client.get(&target).await;
    assert!(last != later && client.members(&team).await == [ada]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tabby_shows_what_the_host_writes() -> Result<(), Anything> {
    let Some(client) = Client::of(&TABBY, Dialect::Sqlite).await? else { return Ok(()) };
    // A user without SCIM has the version 0, and can be changed.
    client.execute("INSERT INTO users (id, email, name, auth_token) VALUES (7, 'Host@x', 'Grace Hopper', 't')").await;
    let (status, version, document) = client.get("/Users/7").await;
    assert_eq!((status, version.as_str(), &document["name"]["familyName"]), (200, "W/\"0\"", &json!("Hopper")));
    let (_, first, _) = client.patch("/Users/7", "title", json!("Admiral")).await;
    client.execute("UPDATE users SET name = 'Grace Brewster Hopper'").await;
    let (_, second, document) = client.get("/Users/7").await;
    assert_ne!(first, second);
    assert_eq!(document["name"]["familyName"], "Brewster Hopper");
    assert_eq!(document["title"], "Admiral");
    let found = client.get("/Users?filter=userName%20eq%20%22hOST%40X%22").await.2;
    assert_eq!(found["totalResults"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metabase_needs_no_change_of_its_tables() -> Result<(), Anything> {
    let Some(client) = Client::of(&METABASE, Dialect::Postgres).await? else { return Ok(()) };
    let columns = "SELECT count(*) FROM information_schema.columns \
                   WHERE table_schema = current_schema() AND table_name IN ('core_user', 'permissions_group')";
    assert_eq!(client.row(columns).await, "14");
    let ada = client.user("Ada@Example.com", json!({"externalId": "e1", "title": "Countess"})).await;
    client.execute("UPDATE core_user SET locale = 'de', is_superuser = TRUE").await;
    let target = format!("/Users/{ada}");
    let (_, _, mut document) = client.get(&target).await;
    assert_eq!(document["userName"], "Ada@Example.com", "the spelling of the client");
    document["name"] = json!({"givenName": "Ada"});
    assert_eq!(client.send("PUT", &target, document).await.0, 200);
    assert_eq!(client.patch(&target, "active", json!(false)).await.0, 200);
    let row = client.row("SELECT email::text, first_name::text, locale::text, is_superuser, is_active FROM core_user");
    assert_eq!(row.await, "ada@example.com|Ada|de|1|0");

    // The host's groups are neither shown, nor changed, nor found by their ids.
    let groups = "SELECT id, name::text FROM permissions_group WHERE magic_group_type IS NOT NULL ORDER BY id";
    let before = client.host.rows(groups).await?;
    assert_eq!(client.get("/Groups").await.2["totalResults"], 0);
    assert_eq!(client.get("/Groups/administrators").await.0, 404);
    assert_eq!(client.patch("/Groups/administrators", "displayName", json!("x")).await.0, 404);
    assert_eq!(client.send("PUT", "/Groups/administrators", group("x", &[&ada])).await.0, 404);
    assert_eq!(client.send("DELETE", "/Groups/administrators", Json::Null).await.0, 404);
    assert_eq!(client.host.rows(groups).await?, before);
    assert_eq!(client.row("SELECT count(*) FROM permissions_group_membership").await, "0");

    let team = client.group("Team", &[&ada]).await;
    client.execute("UPDATE permissions_group_membership SET is_group_manager = TRUE").await;
    assert_eq!(client.send("PUT", &format!("/Groups/{team}"), group("Team 2", &[&ada])).await.0, 200);
    assert_eq!(client.row("SELECT is_group_manager FROM permissions_group_membership").await, "1");

    let (_, version, _) = client.get(&target).await;
    client.execute("UPDATE core_user SET email = 'ada.king@example.com'").await;
    let (_, later, document) = client.get(&target).await;
    assert!(later != version && document["userName"] == "ada.king@example.com" && document["title"] == "Countess");
    client.execute("DELETE FROM core_user").await;
    assert_eq!(client.row("SELECT count(*) FROM scim_user").await, "0");
    assert!(client.members(&team).await.is_empty());
    client.host.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn omicron_hides_other_users() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(client) = Client::of(&OMICRON, dialect).await? else { continue };
        let (tenant, other) = (client.tenant().to_owned(), "11111111-2222-3333-4444-555555555555");
        let times = if dialect == Dialect::Sqlite { "5, 5" } else { "now(), now()" };
        client
            .execute(&format!(
                "INSERT INTO silo_user (id, time_created, time_modified, silo_id, external_id, user_provision_type, \
                 user_name) VALUES ('{other}', {times}, '{tenant}', 'e1', 'jit', 'ada')"
            ))
            .await;
        let row = "SELECT CAST(id AS text), external_id, user_name, CAST(time_modified AS text), CAST(active AS text) \
                   FROM silo_user WHERE user_provision_type = 'jit'";
        let before = client.row(row).await;
        let target = format!("/Users/{other}");
        assert_eq!(client.get(&target).await.0, 404);
        assert_eq!(client.get("/Users?filter=userName%20eq%20%22ada%22").await.2["totalResults"], 0);
        assert_eq!(client.patch(&target, "active", json!(false)).await.0, 404);
        assert_eq!(client.send("DELETE", &target, Json::Null).await.0, 404);
        // Neither its name nor its external id is taken, and it is no member.
        let ada = client.user("Ada", json!({"externalId": "e1"})).await;
        let refused = client.send("POST", "/Groups", group("Team", &[&ada, other])).await;
        assert_eq!((refused.0, client.row("SELECT count(*) FROM silo_group").await.as_str()), (400, "0"));
        assert_eq!(client.row("SELECT count(*) FROM silo_group_membership").await, "0");
        assert_eq!(client.row(row).await, before);
        client.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn omicron_marks_deleted_rows() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(client) = Client::of(&OMICRON, dialect).await? else { continue };
        let ada = client.user("Ada", json!({})).await;
        let team = client.group("Team", &[&ada]).await;
        let taken = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ADA"});
        assert_eq!(client.send("POST", "/Users", taken).await.0, 409);
        let (_, version, document) = client.get(&format!("/Groups/{team}")).await;
        assert_eq!(document["members"][0]["value"], *ada);
        assert_eq!(client.send("DELETE", &format!("/Users/{ada}"), Json::Null).await.0, 204);
        let marked = "SELECT count(*) FROM silo_user WHERE time_deleted IS NOT NULL AND user_name = 'Ada'";
        assert_eq!(client.row(marked).await, "1");
        assert_eq!(client.get(&format!("/Users/{ada}")).await.0, 404);
        assert_eq!(client.get("/Users").await.2["totalResults"], 0);
        let (_, later, document) = client.get(&format!("/Groups/{team}")).await;
        assert!(later != version && document["members"].is_null());
        // The name is free for another user.
        let again = client.user("ADA", json!({})).await;
        assert_ne!(again, ada);

        // The host's own changes show at once.
        let target = format!("/Users/{again}");
        let (_, version, document) = client.get(&target).await;
        assert!(document["active"].is_null(), "the host has no value");
        client.execute("UPDATE silo_user SET active = FALSE WHERE time_deleted IS NULL").await;
        let (_, later, document) = client.get(&target).await;
        assert!(later != version && document["active"] == false);
        let now = if dialect == Dialect::Sqlite { "1" } else { "now()" };
        client.execute(&format!("UPDATE silo_user SET time_deleted = {now}")).await;
        assert_eq!(client.get(&target).await.0, 404);
        client.host.remove().await?;
    }
    Ok(())
}
