//! Users as identity providers send them and as the service provider returns them.

use super::{BASE, ENTERPRISE, Random};

/// One user.
#[derive(Debug)]
pub struct UserInput {
    /// The user's id.
    pub id: String,
    /// The user's `userName`.
    pub user_name: String,
    /// Whether `active` is true.
    pub is_active: bool,
    /// The request body that creates the user.
    pub body: String,
    /// The user as a response of the service provider.
    pub stored: String,
}

/// `count` different users.
pub fn users(count: usize) -> Vec<UserInput> {
    let mut random = Random::new(20_261_130);
    (0..count).map(|n| user(n, &mut random)).collect()
}

fn user(n: usize, random: &mut Random) -> UserInput {
    let given = random.pick(&["Barbara", "Mandy", "José", "Søren", "Wei", "Aisha", "Oliver", "Chiara"]);
    let family = random.pick(&["Jensen", "Pepperidge", "Ångström", "O'Neill", "Müller", "García", "Novák", "Smith"]);
    let department = random.pick(&["Tour Operations", "Sales", "Engineering", "Finance", "Support", "Legal", "Parks"]);
    let user_type = if random.below(100) < 60 { "Employee" } else { random.pick(&["Contractor", "Intern"]) };
    let is_active = random.below(100) < 85;
    // The order of creation must not be the order of the names.
    let user_name = format!("{:03x}.user{n:05}@example.com", n.wrapping_mul(0x9b1) & 0xfff);
    let (id, external, manager) = (random.id(), random.id(), random.id());
    let (phone, employee, cost_center) = (random.below(10_000), random.below(1_000_000), random.below(10_000));
    let (month, day, hour) = (random.below(12) + 1, random.below(28) + 1, random.below(24));

    let person = format!(
        r#""externalId":"{external}","userName":"{user_name}","name":{{"formatted":"{given} Jane {family}","familyName":"{family}","givenName":"{given}","middleName":"Jane"}},"displayName":"{given} {family}","nickName":"{given}","title":"Tour Guide","userType":"{user_type}","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":{is_active}"#
    );
    let contact = format!(
        r#""emails":[{{"value":"{user_name}","type":"work","primary":true}},{{"value":"user{n:05}@home.example.org","type":"home"}}],"phoneNumbers":[{{"value":"+1 555 555 {phone:04}","type":"work"}},{{"value":"+1 555 556 {phone:04}","type":"mobile"}}],"addresses":[{{"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"US","primary":true}}]"#
    );
    let extension = |reference: &str| {
        format!(
            r#""{ENTERPRISE}":{{"employeeNumber":"{employee:06}","costCenter":"{cost_center:04}","organization":"Universal Studios","division":"Theme Park","department":"{department}","manager":{{"value":"{manager}"{reference}}}}}"#
        )
    };
    let schemas = format!(r#""schemas":["urn:ietf:params:scim:schemas:core:2.0:User","{ENTERPRISE}"]"#);
    let meta = format!(
        r#""meta":{{"resourceType":"User","created":"2024-11-30T09:15:00.000Z","lastModified":"2025-{month:02}-{day:02}T{hour:02}:30:00.000Z","location":"{BASE}/Users/{id}","version":"W/\"1\""}}"#
    );
    let body = format!("{{{schemas},{person},{contact},{}}}", extension(""));
    let reference = format!(r#","$ref":"{BASE}/Users/{manager}""#);
    let stored = format!(r#"{{{schemas},"id":"{id}",{person},{contact},{},{meta}}}"#, extension(&reference));
    UserInput { id, user_name, is_active, body, stored }
}
