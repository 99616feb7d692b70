//! The host's own sign-in query, after each request that gives or ends access.

use super::{
    Failure, Kit, RequestContext, Stop, Store, check,
    life::{Client, ROADS, Road, User, created, external_id, patch, refusal},
};

/// The length of a text that is in a response for one reason only, in bytes.
const TELLING: usize = 8;

pub(super) async fn access<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let client = Client::new(kit)?;
    let context = kit.tenant("a")?;
    let [patch_of_path, ..] = ROADS;
    for (number, road) in (1..).zip(client.roads()) {
        let name = client.name(&format!("road {number}"));
        let user = client.create(&context, "a user is created", &name, Some(true)).await?;
        client.signs_in(&context, &user, true, "after a creation").await?;
        if client.active.is_some() {
            transitions(&client, &context, road, &user).await?;
            // The user is inactive at the deletion.
            client.set_active(&context, road, &user, false).await?;
        }
        client.delete(&context, road, &user).await?;
        client.signs_in(&context, &user, false, "after a deletion").await?;
        client.is_gone(&context, &user, "after a deletion").await?;
        let what = "a user is created again after a deletion";
        let again = client.create(&context, what, &name, Some(true)).await?;
        client.signs_in(&context, &again, true, "after a second creation").await?;
        // The user is active at the deletion.
        client.delete(&context, road, &again).await?;
        client.signs_in(&context, &again, false, "after the deletion of an active user").await?;
    }
    if client.active.is_some() {
        omissions(&client, &context, patch_of_path).await?;
    }
    twins(&client, &context, patch_of_path).await
}

/// Deactivates and reactivates a user, twice.
async fn transitions<S: Store>(
    client: &Client<'_, S>,
    context: &RequestContext,
    road: Road,
    user: &User,
) -> Result<(), Stop> {
    for _ in 0..2 {
        let when = format!("after a deactivation by {}", road.name);
        client.set_active(context, road, user, false).await?;
        client.signs_in(context, user, false, &when).await?;
        client.is_found(context, user, false, &when).await?;
        let when = format!("after a second deactivation by {}", road.name);
        client.set_active(context, road, user, false).await?;
        client.signs_in(context, user, false, &when).await?;
        let when = format!("after a reactivation by {}", road.name);
        client.set_active(context, road, user, true).await?;
        client.signs_in(context, user, true, &when).await?;
        client.is_found(context, user, true, &when).await?;
    }
    Ok(())
}

/// Creates an inactive user. Requests that do not set `active` to true give no access.
async fn omissions<S: Store>(client: &Client<'_, S>, context: &RequestContext, road: Road) -> Result<(), Stop> {
    let name = client.name("omission");
    let user = client.create(context, "an inactive user is created", &name, Some(false)).await?;
    client.signs_in(context, &user, false, "after the creation of an inactive user").await?;
    client.is_found(context, &user, false, "after the creation of an inactive user").await?;
    let other = patch(&format!(r#""op":"replace","path":"externalId","value":"changed {}""#, external_id(&name)));
    client.change(context, "a PATCH of `externalId` succeeds", ("PATCH", &user, &other, false)).await?;
    client.signs_in(context, &user, false, "after a change of another attribute of an inactive user").await?;
    if client.is_active_by_default() {
        client.replace_without_active(context, &user).await?;
        client.signs_in(context, &user, false, "after a PUT of an inactive user without `active`").await?;
        client.is_found(context, &user, false, "after a PUT of an inactive user without `active`").await?;
        let name = client.name("default");
        let active = client.create(context, "a user without `active` is created", &name, None).await?;
        client.signs_in(context, &active, true, "after a creation without `active`").await?;
        client.replace_without_active(context, &active).await?;
        client.signs_in(context, &active, true, "after a PUT of an active user without `active`").await?;
    }
    client.set_active(context, road, &user, true).await?;
    client.signs_in(context, &user, true, "after the activation of a user that was created inactive").await
}

/// Two users whose names differ in outer blanks. The service provider may refuse the second one.
async fn twins<S: Store>(client: &Client<'_, S>, context: &RequestContext, road: Road) -> Result<(), Stop> {
    let name = client.name("twin");
    let user = client.create(context, "a user is created", &name, Some(true)).await?;
    let blank = format!(" {name} ");
    let response = client.post(context, &blank, Some(true), &external_id(&blank)).await;
    let Some(twin) = created(&response, &blank) else {
        let what = "a user whose name has outer blanks is created, or refused with 400 or 409";
        check([400, 409].contains(&response.status), what, || refusal(&response))?;
        return client.signs_in(context, &user, true, "after a refused user whose name has outer blanks").await;
    };
    client.signs_in(context, &user, true, "after the creation of a user with the same name between blanks").await?;
    client.signs_in(context, &twin, true, "after its creation with a name between blanks").await?;
    if client.active.is_some() {
        client.set_active(context, road, &user, false).await?;
        let when = "after its deactivation, while a user has the same name between blanks";
        client.signs_in(context, &user, false, when).await?;
        let when = "after the deactivation of the user with the same name without blanks";
        client.signs_in(context, &twin, true, when).await?;
    }
    Ok(())
}

pub(super) async fn of_tenants<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let client = Client::new(kit)?;
    let (one, other) = (kit.tenant("one")?, kit.tenant("other")?);
    let [road, ..] = ROADS;
    let name = client.name("of tenants");
    // No response to another tenant may show this text.
    let secret = format!("kit-secret-{}", kit.seed);
    let response = client.post(&one, &name, Some(true), &secret).await;
    let user = created(&response, &name).ok_or_else(|| Failure::new("a user is created", refusal(&response)))?;
    client.signs_in(&one, &user, true, "after a creation").await?;
    client.signs_in(&other, &user, false, "in a tenant that has no such user").await?;

    let response = client.post(&other, &name, Some(true), &external_id(&name)).await;
    let body = String::from_utf8_lossy(&response.body);
    let what = "the response to a creation shows nothing of the user of another tenant with the same name";
    // A short id, such as a number, can be in the response by chance.
    let is_shown = |text: &String| text.len() >= TELLING && body.contains(text.as_str());
    check(![&user.id, &secret].into_iter().any(is_shown), what, || "the id or the externalId of that user".to_owned())?;
    let when = "after a creation with the same name in another tenant";
    client.signs_in(&one, &user, true, when).await?;
    client.is_found(&one, &user, true, when).await?;
    let Some(namesake) = created(&response, &name) else {
        let what = "another tenant creates a user with the same name";
        check(kit.whole.are_names_global && response.status == 409, what, || refusal(&response))?;
        return client.signs_in(&other, &user, false, "after a refused creation in this tenant").await;
    };
    client.signs_in(&other, &namesake, true, when).await?;
    if client.active.is_some() {
        for (context, others, left) in [(&other, &one, (&namesake, &user)), (&one, &other, (&user, &namesake))] {
            let (changed, kept) = left;
            client.set_active(context, road, changed, false).await?;
            let when = "after a deactivation of the same name in another tenant";
            client.signs_in(others, kept, true, when).await?;
            client.is_found(others, kept, true, when).await?;
            client.set_active(context, road, changed, true).await?;
        }
        client.set_active(&one, road, &user, false).await?;
        client.set_active(&other, road, &namesake, false).await?;
        client.set_active(&other, road, &namesake, true).await?;
        client.is_found(&one, &user, false, "after a reactivation of the same name in another tenant").await?;
        client.set_active(&one, road, &user, true).await?;
    }
    client.delete(&other, road, &namesake).await?;
    let when = "after a deletion of the same name in another tenant";
    client.signs_in(&one, &user, true, when).await?;
    client.is_found(&one, &user, true, when).await
}
