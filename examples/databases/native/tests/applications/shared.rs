//! The special rules of Vaultwarden and IronClaw: accounts that SCIM sees through memberships and identities.

use scim_core::sql::Dialect;
use serde_json::{Value as Json, json};

use super::{
    Anything,
    application::{IRONCLAW, VAULTWARDEN, WORKSPACES},
    client::{Client, group},
};

#[tokio::test(flavor = "multi_thread")]
async fn vaultwarden_revokes_by_a_code() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(client) = Client::of(&VAULTWARDEN, dialect).await? else { continue };
        let ada = client.user("Ada@Example.com", json!({"externalId": "e1"})).await;
        let target = format!("/Users/{ada}");
        let status = "SELECT status, atype, external_id FROM users_organizations";
        assert_eq!(client.row(status).await, "0|2|e1");
        // The host confirms the membership and makes it an administrator's.
        client.execute("UPDATE users_organizations SET status = 2, atype = 1, akey = 'key'").await;
        for _ in 0..2 {
            assert_eq!(client.patch(&target, "active", json!(false)).await.0, 200);
            assert_eq!(client.row(status).await, "-126|1|e1");
        }
        assert_eq!(client.get(&target).await.2["active"], false);
        let (_, _, mut document) = client.get(&target).await;
        document["active"] = json!(true);
        document["title"] = json!("Countess");
        assert_eq!(client.send("PUT", &target, document).await.0, 200);
        assert_eq!(client.row("SELECT status, atype, akey FROM users_organizations").await, "2|1|key");
        // An invitation of a user who is not active is revoked, too.
        client.user("new@example.com", json!({"active": false})).await;
        assert_eq!(client.row("SELECT status FROM users_organizations WHERE status < -126").await, "-128");
        // The host revokes: it shows at once.
        let (_, version, _) = client.get(&target).await;
        client.execute("UPDATE users_organizations SET status = status - 128 WHERE status >= 0").await;
        let (_, later, document) = client.get(&target).await;
        assert!(later != version && document["active"] == false);
        client.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vaultwarden_does_not_change_accounts_of_others() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(one) = Client::of(&VAULTWARDEN, dialect).await? else { continue };
        let two = Client::on(&VAULTWARDEN, &one.host, "two").await?;
        // An account that a person made.
        let now = if dialect == Dialect::Sqlite { "datetime('now')" } else { "now()" };
        one.execute(&format!(
            "INSERT INTO users VALUES ('u1', {now}, {now}, 'person@example.com', 'Person', '', '', 1, 'k', 's', '', '')"
        ))
        .await;
        let account = "SELECT email, name, akey, security_stamp FROM users WHERE uuid = 'u1'";
        let before = one.row(account).await;
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "Person@Example.com", "name": {"givenName": "Another", "familyName": "Name"}});
        let (status, _, linked) = one.send("POST", "/Users", body).await;
        assert_eq!((status, &linked["name"]["givenName"]), (201, &json!("Person")), "the answer shows the stored name");
        assert_eq!(one.row("SELECT user_uuid FROM users_organizations").await, "u1");
        // Although no other organization links the account, its address and its name are the person's.
        let target = format!("/Users/{}", linked["id"].as_str().unwrap_or_default());
        assert_eq!(one.get(&target).await.2, linked);
        for (path, value) in [("userName", "mallory@example.com"), ("name.givenName", "Mallory")] {
            assert_eq!(one.patch(&target, path, json!(value)).await.0, 403, "{path}");
        }
        assert_eq!(one.row(account).await, before);
        assert_eq!(one.patch(&target, "title", json!("x")).await.0, 200, "an attribute of the membership");

        // An account that SCIM of this organization made, until another organization links it.
        let ada = one.user("ada@example.com", json!({"name": {"givenName": "Ada"}})).await;
        assert_eq!(one.patch(&format!("/Users/{ada}"), "userName", json!("ada.king@example.com")).await.0, 200);
        for name in ["Adele Augusta", "Ada"] {
            let (_, _, changed) = one.patch(&format!("/Users/{ada}"), "name.givenName", json!(name)).await;
            assert_eq!(changed["name"]["givenName"], name);
            assert_eq!(one.get(&format!("/Users/{ada}")).await.2, changed);
        }
        let linked = two.user("ada.king@example.com", json!({})).await;
        for (client, id) in [(&one, &ada), (&two, &linked)] {
            let refused = client.patch(&format!("/Users/{id}"), "userName", json!("mallory@example.com")).await;
            assert_eq!(refused.0, 403);
        }
        let account = "SELECT email, name FROM users WHERE uuid <> 'u1'";
        assert_eq!(one.row(account).await, "ada.king@example.com|Ada");
        // The deletion keeps the account. The last organization did not make it, and still cannot change it.
        assert_eq!(one.send("DELETE", &format!("/Users/{ada}"), Json::Null).await.0, 204);
        assert_eq!(two.patch(&format!("/Users/{linked}"), "userName", json!("mallory@example.com")).await.0, 403);
        assert_eq!(one.row(account).await, "ada.king@example.com|Ada");
        // A change of an account by the host shows in each organization.
        let (_, version, _) = two.get(&format!("/Users/{linked}")).await;
        one.execute("UPDATE users SET name = 'Ada King'").await;
        let (_, later, document) = two.get(&format!("/Users/{linked}")).await;
        assert!(later != version && document["name"]["familyName"] == "King");
        one.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vaultwarden_deletes_memberships_only() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(one) = Client::of(&VAULTWARDEN, dialect).await? else { continue };
        let two = Client::on(&VAULTWARDEN, &one.host, "two").await?;
        let ada = one.user("ada@example.com", json!({})).await;
        let bob = one.user("bob@example.com", json!({})).await;
        let fresh = "SELECT count(DISTINCT salt), count(DISTINCT security_stamp), count(DISTINCT uuid) FROM users";
        assert_eq!(one.row(fresh).await, "2|2|2");
        // One organization links an account once, and a group has members of its own organization.
        let again = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ADA@example.com"});
        assert_eq!(one.send("POST", "/Users", again).await.0, 409);
        assert_eq!(two.send("POST", "/Groups", group("Theirs", &[&ada])).await.0, 400);
        assert_eq!(one.row("SELECT count(*) FROM groups").await, "0");
        let linked = two.user("ada@example.com", json!({})).await;
        let team = one.group("Team", &[&ada, &bob]).await;
        one.execute("UPDATE groups SET access_all = TRUE").await;
        assert_eq!(one.send("DELETE", &format!("/Users/{ada}"), Json::Null).await.0, 204);
        assert_eq!(one.row("SELECT count(*) FROM users").await, "2");
        assert_eq!(one.members(&team).await, [bob]);
        assert_eq!(one.row("SELECT access_all FROM groups").await, "1");
        assert_eq!(two.get(&format!("/Users/{linked}")).await.0, 200);
        // A new membership has the old account.
        let back = one.user("Ada@Example.com", json!({})).await;
        let accounts =
            format!("SELECT count(DISTINCT user_uuid) FROM users_organizations WHERE uuid IN ('{back}', '{linked}')");
        assert_eq!(one.row(&accounts).await, "1");
        // A membership that the host removes takes its row in the side table with it.
        one.execute(&format!("DELETE FROM users_organizations WHERE uuid = '{back}'")).await;
        assert_eq!(one.row(&format!("SELECT count(*) FROM scim_membership WHERE key = '{back}'")).await, "0");
        one.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ironclaw_changes_a_status_of_three_texts() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(client) = Client::of(&IRONCLAW, dialect).await? else { continue };
        let ada = client.user("Ada@Example.com", json!({"externalId": "e1", "active": true})).await;
        client.execute("UPDATE users SET role = 'admin', metadata = '{\"a\": 1}'").await;
        let target = format!("/Users/{ada}");
        let row = "SELECT email, status, role, CAST(metadata AS text) FROM users";
        assert_eq!(client.row(row).await, "ada@example.com|invited|admin|{\"a\": 1}");
        assert_eq!(client.patch(&target, "displayName", json!("Ada")).await.0, 200);
        assert_eq!(client.row("SELECT status FROM users").await, "invited");
        for (active, status) in [(false, "suspended"), (true, "active"), (false, "suspended")] {
            let (code, _, document) = client.patch(&target, "active", json!(active)).await;
            assert_eq!((code, &document["active"]), (200, &json!(active)));
            assert_eq!(client.row("SELECT status FROM users").await, status);
        }
        let (_, _, mut document) = client.get(&target).await;
        document["name"] = json!({"givenName": "Ada", "familyName": "King"});
        document["userName"] = json!("king@example.com");
        assert_eq!(client.send("PUT", &target, document).await.0, 200);
        let row = "SELECT email, status, role, display_name FROM users";
        assert_eq!(client.row(row).await, "king@example.com|suspended|admin|Ada King");
        let (_, version, _) = client.get(&target).await;
        client.execute("UPDATE users SET status = 'active'").await;
        let (_, later, document) = client.get(&target).await;
        assert!(later != version && document["active"] == true);
        // A new account of a user who is not active.
        client.user("new@example.com", json!({"active": false})).await;
        assert_eq!(client.row("SELECT status FROM users WHERE email = 'new@example.com'").await, "suspended");
        client.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ironclaw_shows_identities_of_scim_only() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(client) = Client::of(&IRONCLAW, dialect).await? else { continue };
        client.execute("INSERT INTO users (id, email, display_name) VALUES ('u1', 'ada@example.com', 'Ada')").await;
        client
            .execute("INSERT INTO user_identities (user_id, provider, provider_user_id) VALUES ('u1', 'google', 'g1')")
            .await;
        assert_eq!(client.get("/Users").await.2["totalResults"], 0);
        assert_eq!(client.get("/Users/g1").await.0, 404);
        assert_eq!(client.send("DELETE", "/Users/g1", Json::Null).await.0, 404);
        // The creation links the account, and assigns the values that it has: the name stays.
        let ada = client.user("ADA@example.com", json!({"active": false, "externalId": "e1"})).await;
        assert_eq!(client.row("SELECT email, display_name, status FROM users").await, "ada@example.com|Ada|suspended");
        let (_, _, shown) = client.get(&format!("/Users/{ada}")).await;
        assert_eq!((&shown["active"], &shown["name"]["givenName"]), (&json!(false), &json!("Ada")));
        let found = client.get("/Users?filter=externalId%20eq%20%22e1%22").await.2;
        assert_eq!(found["Resources"][0]["id"], *ada);
        let identity = format!("SELECT user_id, provider FROM user_identities WHERE provider_user_id = '{ada}'");
        assert_eq!(client.row(&identity).await, "u1|scim");
        let again = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@example.com"});
        assert_eq!(client.send("POST", "/Users", again).await.0, 409);
        assert_eq!(client.send("DELETE", &format!("/Users/{ada}"), Json::Null).await.0, 204);
        let left = client.host.rows("SELECT user_id, provider_user_id FROM user_identities").await?;
        assert_eq!(left, ["u1|g1"]);
        assert_eq!(client.row("SELECT count(*) FROM users").await, "1");
        client.host.remove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_of_the_tenant_decides_who_is_linked() -> Result<(), Anything> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(one) = Client::of(&WORKSPACES, dialect).await? else { continue };
        let two = Client::on(&WORKSPACES, &one.host, "two").await?;
        let body = |given: &str| {
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "eve@example.com",
                "name": {"givenName": given}, "active": true})
        };
        one.execute("INSERT INTO person VALUES ('p', 'eve@example.com', 'Eve Doe')").await;
        for client in [&one, &two] {
            assert_eq!(client.send("POST", "/Users", body("Mallory")).await.0, 409);
        }
        one.execute(&format!("INSERT INTO invitation VALUES ('eve@example.com', '{}')", one.tenant())).await;
        // The invitation is for one workspace only.
        assert_eq!(two.send("POST", "/Users", body("Mallory")).await.0, 409);
        let (status, version, linked) = one.send("POST", "/Users", body("Mallory")).await;
        let name = json!({"givenName": "Eve", "familyName": "Doe", "formatted": "Eve Doe"});
        assert_eq!((status, &linked["name"]), (201, &name), "the answer shows the person");
        let target = format!("/Users/{}", linked["id"].as_str().unwrap_or_default());
        let (_, again, read) = one.get(&target).await;
        assert_eq!((again, read), (version, linked));

        // SCIM of a workspace made the person: after a deletion the next creation assigns the values again.
        one.execute(&format!("INSERT INTO invitation VALUES ('ann@example.com', '{}')", one.tenant())).await;
        let ann = one.user("ann@example.com", json!({"name": {"givenName": "Ann"}})).await;
        assert_eq!(one.send("DELETE", &format!("/Users/{ann}"), Json::Null).await.0, 204);
        let again = one.user("ann@example.com", json!({"name": {"givenName": "Anna"}})).await;
        assert_eq!(one.get(&format!("/Users/{again}")).await.2["name"]["givenName"], "Anna");
        assert_eq!(one.row("SELECT name FROM person WHERE email = 'ann@example.com'").await, "Anna");
        // The host changes the column for the whole name. A client that changes a part gets no outdated whole name.
        one.execute("UPDATE person SET name = 'Ann Lee' WHERE email = 'ann@example.com'").await;
        let target = format!("/Users/{again}");
        let (_, _, changed) = one.patch(&target, "name.givenName", json!("Annabel")).await;
        assert_eq!(changed["name"], json!({"givenName": "Annabel", "familyName": "Lee"}));
        assert_eq!(one.row("SELECT name FROM person WHERE email = 'ann@example.com'").await, "Annabel Lee");
        assert_eq!(one.get(&target).await.2, changed);
        one.host.remove().await?;
    }
    Ok(())
}
