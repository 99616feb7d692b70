//! Bulk requests: nine users and a group of these nine, again and again.

/// A bulk request with `count` operations. Every tenth operation creates a group, whose members are the nine users
/// before it.
pub fn bulk(count: usize) -> String {
    let operations = (0..count).map(|n| if n % 10 == 9 { group(n) } else { user(n) }).collect::<Vec<_>>().join(",");
    format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{operations}]}}"#)
}

fn user(n: usize) -> String {
    format!(
        r#"{{"method":"POST","path":"/Users","bulkId":"b{n}","data":{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user{n:05}@example.com","name":{{"givenName":"Barbara {n}","familyName":"Jensen"}},"emails":[{{"value":"user{n:05}@example.com","type":"work","primary":true}}],"active":true}}}}"#
    )
}

fn group(n: usize) -> String {
    let members = (n - n % 10..n).map(|m| format!(r#"{{"value":"bulkId:b{m}"}}"#)).collect::<Vec<_>>().join(",");
    format!(
        r#"{{"method":"POST","path":"/Groups","bulkId":"b{n}","data":{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Group {n}","members":[{members}]}}}}"#
    )
}
