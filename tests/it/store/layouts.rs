//! The rules that a declared layout keeps, and the statements of its migration.

use std::sync::Arc;

use scim_core::{
    schema::{Registry, ResourceType, Schema},
    sql::{
        Dialect, TableStore,
        layout::{Field, Join, Key, KeyType, Layout, Shared, Writes},
    },
};

fn types() -> [Arc<ResourceType>; 2] {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password")).build().unwrap();
    let group = ResourceType::builder("Group", "Groups", Schema::group()).build().unwrap();
    let registry = Registry::builder().resource_type(user).resource_type(group).build().unwrap();
    ["User", "Group"].map(|name| Arc::clone(registry.resource_type(name).unwrap()))
}

fn users() -> Layout {
    let [user, _] = types();
    Layout::of(&user, "account", Key::integer("id"))
        .field("userName", Field::text("login").lower().unique("account_login"))
        .side_table("scim_account")
}

fn refusal(layouts: impl IntoIterator<Item = Layout>) -> String {
    TableStore::<()>::migrations(Dialect::Postgres, layouts).unwrap_err().to_string()
}

#[test]
fn an_incomplete_layout_is_refused_with_its_fact_and_its_remedy() {
    let [user, group] = types();
    let bare = |resource_type: &Arc<ResourceType>| Layout::of(resource_type, "t", Key::text("id"));
    let named = || bare(&user).field("userName", Field::text("login").unique("login"));
    let cases: [(Vec<Layout>, &str); 17] = [
        (vec![bare(&user).side_table("s")], "`userName` is unique in the schema: declare a field and the constraint"),
        (vec![named()], "the version has no place: declare a `version` column or a `side_table`"),
        (vec![named().version("v")], "`externalId` has no column: declare a `field`, leave the attribute out"),
        (
            vec![named().version("v").field("meta.created", Field::seconds("c"))],
            "`c` cannot hold every value without loss",
        ),
        (vec![named().documents("d", "c")], "the version has no place: declare a `version` column or a `side_table`"),
        (
            vec![named().documents("d", "c").side_table("s")],
            "the documents have two places: declare `documents` or a `side_table`",
        ),
        (vec![named().version("v").joined_name(Field::text("n"))], "`n` cannot hold every value without loss"),
        (vec![named().side_table("s").field("login", Field::text("x"))], "`login` is not an attribute"),
        (
            vec![named().side_table("s").field("active", Field::text("x"))],
            "`active`: the form of the column does not fit",
        ),
        (
            vec![named().side_table("s").field("emails", Field::text("x"))],
            "`emails`: the form of the column does not fit",
        ),
        (vec![named().side_table("s").field("title", Field::text("u.t"))], "the column `u.t` needs a shared table"),
        (
            vec![named().side_table("s").shared(Shared::table("p", "id", KeyType::Text))],
            "the shared table needs `linked_by`",
        ),
        (
            vec![named().side_table("s").shared(Shared::table("p", "id", KeyType::Text).linked_by("id"))],
            "`id` links the shared user and is the key: the row needs a key of its own",
        ),
        (
            vec![
                named()
                    .side_table("s")
                    .soft_delete("gone = 0", [("gone", "1")])
                    .shared(Shared::table("p", "id", KeyType::Text).linked_by("person").writes(Writes::SoleLink)),
            ],
            "`Writes::SoleLink` counts rows, and `soft_delete` keeps them",
        ),
        (vec![bare(&group).side_table("s")], "`members` has no table: declare it by `list`"),
        (
            vec![bare(&group).side_table("s").list("members", Join::table("m").value("u", "User"))],
            "`members`: the table needs `holder` and `value`",
        ),
        (
            vec![bare(&group).side_table("s").list("members", Join::table("m").holder("g").value("u", "User"))],
            "the table `m` refers to `User`, which has no layout",
        ),
    ];
    for (layouts, expected) in cases {
        let found = refusal(layouts);
        assert!(found.contains(expected), "{expected}\n{found}");
    }
}

#[test]
fn a_secret_needs_a_column_for_its_hash() {
    let registry = Registry::standard();
    let secret = |field: Option<Field>| {
        let users = Layout::of(registry.resource_type("User").unwrap(), "account", Key::integer("id"))
            .field("userName", Field::text("login").lower().unique("account_login"))
            .side_table("scim_account");
        let users = field.map_or(users.clone(), |field| users.field("password", field));
        TableStore::<()>::migrations(Dialect::Postgres, [users]).map_err(|error| error.to_string())
    };
    for field in [None, Some(Field::text("password"))] {
        let found = secret(field).unwrap_err();
        assert!(found.contains("`password` is a secret: leave the attribute out of the schema"), "{found}");
    }
    assert!(secret(Some(Field::text("password").hashed(|text| format!("{} bytes", text.len())))).is_ok());
}

#[test]
fn a_list_is_declared_by_list_only() {
    let found = refusal([users().list("emails", Join::table("m").holder("h").value("v", "User"))]);
    assert!(found.contains("`emails` is not a list of references"), "{found}");
}

#[test]
fn restored_rows_need_a_soft_deletion() {
    let found = refusal([users().restored_by("externalId", [("gone", "0")])]);
    assert!(found.contains("`restored_by` needs `soft_delete`"), "{found}");
}

#[test]
fn layouts_fit_together() {
    let [user, group] = types();
    let users =
        || Layout::of(&user, "account", Key::text("id")).field("userName", Field::text("login").unique("login"));
    let groups = || {
        Layout::of(&group, "team", Key::text("id"))
            .list("members", Join::table("member").holder("team").value("account", "User"))
    };
    for (layouts, expected) in [
        (
            [users().tenant("org", KeyType::Integer).side_table("a"), groups().side_table("b")],
            "all layouts need a tenant column of one type, or none",
        ),
        ([users().side_table("a"), groups().side_table("a")], "the layout of User has the same side table"),
        (
            [
                users().side_table("a"),
                groups().list("members", Join::table("member").holder("team").value("other", "User")).side_table("b"),
            ],
            "two lists have the table `member`",
        ),
        (
            [
                users()
                    .shared(Shared::table("person", "id", KeyType::Text).linked_by("person"))
                    .side_table("a")
                    .version_by_xmin(),
                groups().side_table("b"),
            ],
            "the version does not change with the shared user",
        ),
    ] {
        let found = refusal(layouts);
        assert!(found.contains(expected), "{expected}\n{found}");
    }
}

#[test]
fn documents_in_the_table_of_the_layout_need_indexes_and_no_trigger() {
    let [user, _] = types();
    for (dialect, index) in [
        (
            Dialect::Postgres,
            "CREATE INDEX IF NOT EXISTS scim_person_externalid ON person (tenant, \
             (left((c ->> 'externalId'), 200) COLLATE \"C\"), id)",
        ),
        (
            Dialect::Sqlite,
            "CREATE INDEX IF NOT EXISTS scim_person_externalid ON person (tenant, json_extract(c, '$.\"externalId\"'), id)",
        ),
    ] {
        let people = Layout::of(&user, "person", Key::text("id"))
            .tenant("tenant", KeyType::Text)
            .field("userName", Field::text("login").folded("login_folded").unique("person_login"))
            .documents("d", "c")
            .version_by_store("etag");
        let statements = TableStore::<()>::migrations(dialect, [people]).unwrap();
        assert!(statements.iter().any(|statement| statement == index), "{statements:#?}");
        assert!(statements.iter().all(|statement| !statement.contains("TRIGGER")), "{statements:#?}");
    }
}

#[test]
fn the_migration_has_a_side_table_indexes_and_triggers() {
    for (dialect, table) in [
        (Dialect::Postgres, "CREATE TABLE IF NOT EXISTS scim_account (key bigint NOT NULL, version bigint NOT NULL"),
        (Dialect::Sqlite, "CREATE TABLE IF NOT EXISTS scim_account (key INTEGER NOT NULL, version INTEGER NOT NULL"),
    ] {
        let all = TableStore::<()>::migrations(dialect, [users()]).unwrap();
        let starts = |beginning: &str| all.iter().filter(|statement| statement.starts_with(beginning)).count();
        assert_eq!(starts(table), 1, "{all:#?}");
        assert!(all.iter().any(|statement| statement.contains("externalid")), "{all:#?}");
        assert!(starts("CREATE TRIGGER") >= 3, "{all:#?}");
        assert_eq!(all, TableStore::<()>::migrations(dialect, [users()]).unwrap());
    }
}
