// An OpenID provider for tests: `node openid.mjs SETTINGS`, where SETTINGS is JSON:
//   clients: [{ id, secret, redirects }]
//   people:  [{ login, password, sub, claims }]
//   conform: false to put all claims into the ID token, and not only behind the userinfo endpoint
// It prints `ISSUER http://localhost:PORT`. It is to have another host name than the application: browsers take
// localhost and 127.0.0.1 for two sites, so faults of SameSite show.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import express from "express";
import Provider from "oidc-provider";

const { clients = [], people = [], conform = true } = JSON.parse(process.argv[2] ?? "{}");
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomBytes(4).toString("hex") };

const app = express();
const server = app.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: clients.map(({ id, secret, redirects }) => ({
      client_id: id, client_secret: secret, redirect_uris: redirects,
      grant_types: ["authorization_code"], response_types: ["code"],
    })),
    pkce: { required: () => true },
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    conformIdTokenClaims: conform,
    claims: { openid: ["sub", "auth_time"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => {
      const person = people.find(({ sub }) => sub === id);
      return person && { accountId: id, claims: () => ({ sub: id, ...person.claims }) };
    },
    // Nobody is asked for consent.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
  });
  app.get("/interaction/:uid", async (request, response) => {
    await provider.interactionDetails(request, response);
    response.send(form(""));
  });
  app.post("/interaction/:uid", express.urlencoded({ extended: false }), async (request, response) => {
    await provider.interactionDetails(request, response);
    const { login, password, cancel } = request.body;
    if (cancel) {
      const result = { error: "access_denied", error_description: "The person cancelled." };
      return provider.interactionFinished(request, response, result);
    }
    const person = people.find((each) => each.login === login && each.password === password);
    if (!person) return response.status(403).send(form("<p role=alert>Wrong name or password.</p>"));
    await provider.interactionFinished(request, response, { login: { accountId: person.sub } });
  });
  app.use(provider.callback());
  console.log(`ISSUER ${issuer}`);
});

function form(error) {
  return `<!doctype html><html lang="en"><title>Provider</title><h1>Sign in at the provider</h1>${error}
<form method="post"><label>Name <input name="login"></label> <label>Password <input name="password" type="password"></label>
<button name="go" value="1">Sign in</button> <button name="cancel" value="1">Cancel</button></form>`;
}
