//! Lines 5 and 6: user groups, assignment, mapping, and accounts made by hand next to accounts from SCIM.

use serde_json::{Value as Json, json};

use super::Walk;

impl Walk<'_> {
    /// Line 5: new people wait under *Unassigned*, and several are assigned at once.
    pub fn assigns_people(&self) {
        let admin = &self.admin;
        self.scim.user("ada@example.com", "Ada Lovelace");
        self.scim.user("grace@example.com", "Grace Hopper");
        admin.press("User groups");
        for (name, purpose) in [("Editors", "Change documents and comments"), ("Viewers", "Read documents")] {
            admin.press("User groups");
            admin.press("New user group");
            admin.fill("Name", name);
            admin.fill("What its people can do", purpose);
            admin.press("Make the user group");
            admin.shows("Nobody is in this user group.");
        }
        admin.press("Users");
        admin.press("Unassigned");
        admin.shows("Ada Lovelace");
        admin.press("Assign to user groups");
        admin.shows("Nobody was selected.");
        admin.choose("Select Ada Lovelace");
        admin.choose("Select Grace Hopper");
        admin.choose("Editors");
        admin.choose("Viewers");
        admin.press("Assign to user groups");
        admin.shows("2 people joined Editors and Viewers.");
        admin.hides("Ada Lovelace");
        admin.press("User groups");
        admin.press("Editors");
        admin.shows("2 people");
        admin.shows("Grace Hopper");
    }

    /// Line 5: a SCIM group fills a user group. Joining or leaving the group at the provider assigns or unassigns
    /// the person.
    pub fn maps_a_group(&self) {
        let admin = &self.admin;
        let [lena, aaron] = [("lena@example.com", "Lena Fischer"), ("aaron@example.com", "Aaron Haddad")]
            .map(|(user_name, name)| self.scim.user(user_name, name));
        let legal = self.scim.group("Legal", &[&lena]);
        admin.press("User groups");
        admin.press("Map Legal");
        admin.choose("Viewers");
        admin.press("Save the mapping");
        admin.press("Viewers");
        admin.shows("Lena Fischer Legal");
        let value = json!([{"value": aaron}]);
        self.scim.patch(&format!("/Groups/{legal}"), &json!({"op": "add", "path": "members", "value": value}));
        admin.reload();
        admin.shows("Aaron Haddad Legal");
        let path = format!("members[value eq \"{aaron}\"]");
        self.scim.patch(&format!("/Groups/{legal}"), &json!({"op": "remove", "path": path}));
        admin.reload();
        admin.hides("Aaron Haddad");
        admin.shows("Lena Fischer Legal");
        admin.press("Users");
        admin.press("Unassigned");
        admin.shows("Aaron Haddad");
        admin.hides("Lena Fischer");
    }

    /// Line 6: SCIM can neither see, adopt nor change an account made by hand, and the dashboard does not remove
    /// accounts from SCIM.
    pub fn keeps_accounts_apart(&self) {
        let admin = &self.admin;
        admin.press("Users");
        admin.press("Add a person by hand");
        admin.fill("Name", "Harper Quinn");
        admin.fill("User name", "harper@example.com");
        admin.fill("E-mail", "harper@example.com");
        admin.press("Add the person");
        admin.shows("The account is made.");
        let id = admin.url().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        let found = self.scim.ask("GET", "/Users?filter=userName%20eq%20%22harper@example.com%22", &json!(null));
        assert_eq!((found.status, &found.json["totalResults"]), (200, &json!(0)));
        let operations = json!([{"op": "replace", "path": "active", "value": false}]);
        let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        for (method, body) in [("GET", &Json::Null), ("PATCH", &patch), ("DELETE", &Json::Null)] {
            let answer = self.scim.ask(method, &format!("/Users/{id}"), body);
            assert_eq!(answer.status, 404, "{method}: {answer:?}");
        }
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
        let twin = json!({"schemas": schemas, "userName": "HARPER@example.com", "displayName": "Another Harper"});
        let refused = self.scim.ask("POST", "/Users", &twin);
        assert_eq!((refused.status, &refused.json["scimType"]), (409, &json!("uniqueness")), "{refused:?}");

        // The account is unchanged, and the log names the account.
        admin.reload();
        admin.shows("Active By hand");
        self.log_settles();
        admin.press("Provisioning log");
        admin.select("Outcome", "Refused");
        admin.fill("Person or group", "HARPER@example.com");
        admin.press("Show");
        admin.shows("Harper Quinn");

        // Accounts from SCIM have no action, and a forged form is refused.
        let ada = self.scim.ask("GET", "/Users?filter=userName%20eq%20%22ada@example.com%22", &json!(null));
        let ada = ada.json["Resources"][0]["id"].as_str().unwrap().to_owned();
        admin.press("Users");
        admin.fill("Beginning of a name or user name", "ada");
        admin.press("Search");
        admin.shows("Ada Lovelace");
        assert!(!admin.has("Remove Ada Lovelace"));
        admin.press("Ada Lovelace");
        admin.shows("Why there is no Remove");
        assert!(!admin.has("Remove"), "{}", admin.text());
        let (status, page) = admin.post(&self.stage.program.path(&format!("users/{ada}/remove")), &[]);
        assert_eq!(status, 403);
        assert!(page.contains("Accounts from SCIM can"), "{page}");
        assert_eq!(self.scim.ask("GET", &format!("/Users/{ada}"), &json!(null)).status, 200);

        // The account made by hand can be removed.
        admin.press("Users");
        admin.press("Remove Harper Quinn");
        admin.shows("You can't undo this.");
        admin.press("Remove Harper Quinn");
        admin.shows("The account is removed.");
        assert_eq!(self.scim.ask("POST", "/Users", &twin).status, 201, "the user name is free");
    }
}
