//! An organization with data on every page.

use serde_json::{Value as Json, json};

use crate::{
    Browser, Node, Scim, Stage,
    walk::{first_key, sign_on_by_openid},
};

/// An organization with single sign-on, a key, people in every state, groups, and a log with every outcome.
pub struct Populated {
    /// The administrator's browser.
    pub admin: Browser,
    /// The identity provider for sign-ins.
    pub node: Node,
    /// The SCIM client.
    pub scim: Scim,
    /// The ids of a person from SCIM, of a deactivated person, and of a person made by hand.
    pub people: [String; 3],
    /// The id of a user group.
    pub user_group: String,
    /// The id of a SCIM group.
    pub scim_group: String,
}

const PEOPLE: [(&str, &str, &str); 8] = [
    ("lena.fischer", "Lena Fischer", "Legal"),
    ("omar.haddad", "Omar Haddad", "Product"),
    ("priya.raman", "Priya Raman", "Legal"),
    ("jonas.lindqvist", "Jonas Lindqvist", "Field sales, northern Europe"),
    ("maria-magdalena.von-hohenstein-oettingen", "Maria-Magdalena von Hohenstein-Oettingen", "Research"),
    ("tom.okafor", "Tom Okafor", "Finance"),
    ("yuki.tanaka", "Yuki Tanaka", "Product"),
    ("ada.byron", "Ada Byron", "Research"),
];

impl Populated {
    /// Creates the data of the organization, with the provider that has this label on the page *SCIM*.
    pub fn new(stage: &Stage, admin: Browser, label: &str) -> Self {
        let node = stage.openid(&["administrator", "lena.fischer@example.com", "nobody@example.com"]);
        admin.go(&stage.program.page("sign-on"));
        sign_on_by_openid(&admin, &node);
        let name = if label.contains("Entra") { "Entra" } else { "Okta" };
        let scim = first_key(stage, &admin, name, label);
        let ids: Vec<String> = PEOPLE.iter().map(|person| scim.create("/Users", &user(person))).collect();
        let members = [&*ids[0], &ids[2], &ids[4]];
        let scim_group = scim.group("Legal and compliance", &members);
        scim.group("Everyone in research and development", &[&ids[4], &ids[7]]);
        scim.set_active(&ids[5], false);
        // Refused requests: the user name is taken, the filter is not valid, the person does not exist.
        assert_eq!(scim.ask("POST", "/Users", &user(&PEOPLE[0])).status, 409);
        assert_eq!(scim.ask("GET", "/Users?filter=userName%20nearly%20x", &Json::Null).status, 400);
        assert_eq!(scim.ask("GET", "/Users/nobody", &Json::Null).status, 404);
        let token = admin.run("return document.querySelector('input[name=token]').value", &[]);
        let send = |path: &str, fields: &[(&str, &str)]| {
            let fields = [&[("token", token.as_str().unwrap())], fields].concat();
            let (status, page) = admin.post(&stage.program.path(path), &fields);
            assert_eq!(status, 200, "{path}: {page}");
        };
        send("user-groups/new", &[("name", "Viewers"), ("purpose", "Read documents")]);
        send("user-groups/new", &[("name", "Editors"), ("purpose", "Change documents and comments")]);
        admin.go(&stage.program.page("user-groups"));
        let find = "return [...document.querySelectorAll('a')].find((link) => \
                    link.textContent === arguments[0]).href.split('/').pop()";
        let user_group = admin.run(find, &[json!("Editors")]).as_str().unwrap().to_owned();
        send("user-groups/mapping", &[("scim_group", &scim_group), ("group", &user_group)]);
        send("users/assign", &[("person", &ids[1]), ("person", &ids[7]), ("group", &user_group)]);
        let harper = [("name", "Harper Quinn"), ("user_name", "harper@example.com"), ("email", "harper@example.com")];
        send("users/new", &harper);
        admin.go(&stage.program.page("users?from=hand&q=harper"));
        let by_hand = admin.run(find, &[json!("Harper Quinn")]).as_str().unwrap().to_owned();
        let people = [ids[0].clone(), ids[5].clone(), by_hand];
        Self { admin, node, scim, people, user_group, scim_group }
    }

    /// Returns the addresses of the pages with their names.
    pub fn pages(&self, stage: &Stage) -> Vec<(&'static str, String)> {
        let [scim, deactivated, by_hand] = &self.people;
        let (user_group, scim_group) = (&self.user_group, &self.scim_group);
        let page = self.admin.get(&stage.program.path("scim"));
        let revoke = page.split("/scim/keys/").find_map(|part| part.split_once("/revoke\"")).unwrap().0.to_owned();
        let pages = vec![
            ("scim", "scim".to_owned()),
            ("scim done", "scim?done=repeated".into()),
            ("scim off", "scim/off".into()),
            ("scim provider", "scim/provider".into()),
            ("scim steps", "scim/steps".into()),
            ("scim key", "scim/keys/new".into()),
            ("scim revoke", format!("scim/keys/{revoke}/revoke")),
            ("scim revoke all", "scim/keys/revoke-all".into()),
            ("sign-on openid", "sign-on?kind=openid".into()),
            ("sign-on saml", "sign-on?kind=saml".into()),
            ("sign-on off", "sign-on/off".into()),
            ("users", "users".into()),
            ("users unassigned", "users?tab=unassigned".into()),
            ("users deactivated", "users?tab=deactivated".into()),
            ("users nothing found", "users?q=zzz".into()),
            ("users error", "users?tab=unassigned&done=nobody".into()),
            ("user new", "users/new".into()),
            ("user from SCIM", format!("users/{scim}?done=saved")),
            ("user deactivated", format!("users/{deactivated}")),
            ("user by hand", format!("users/{by_hand}")),
            ("user remove", format!("users/{by_hand}/remove")),
            ("user groups", "user-groups".into()),
            ("user group mapping", format!("user-groups?map={scim_group}")),
            ("user group new", "user-groups/new".into()),
            ("user group", format!("user-groups/{user_group}")),
            ("user group remove", format!("user-groups/{user_group}/remove")),
            ("log", "log".into()),
            ("log everything", "log?kind=all".into()),
            ("log nothing found", "log?outcome=failed".into()),
            ("own page", "me".into()),
            ("confirm", "confirm?target=/o/demo/scim".into()),
            ("no page", "nothing".into()),
        ];
        pages.into_iter().map(|(name, page)| (name, stage.program.page(&page))).collect()
    }
}

/// A person with all attributes that pages show.
fn user((login, name, department): &(&str, &str, &str)) -> Json {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let address = format!("{login}@example.com");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise], "userName": address,
        "displayName": name, "externalId": address, "title": "Senior counsel", "active": true,
        "emails": [{"value": address, "primary": true}],
        "profileUrl": format!("https://people.example.com/directory/{login}"),
        enterprise: {"department": department},
    })
}
