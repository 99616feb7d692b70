// A SAML identity provider for tests: `node saml.cjs SETTINGS`, where SETTINGS is JSON:
//   services: { ENTITY_ID: ADDRESS_OF_THE_ASSERTION_CONSUMER_SERVICE }
//   people:   [{ login, password, nameId }]
//   sign:     "assertion" (default) or "response"
//   binding:  "post" to offer HTTP-POST only for requests
// It prints `METADATA http://localhost:PORT/metadata`.
const express = require("express");
const samlp = require("samlp");
const { make } = require("./keys.cjs");

const { services = {}, people = [], sign = "assertion", binding } = JSON.parse(process.argv[2] ?? "{}");
const { key, cert } = make();
const app = express();
app.use(express.urlencoded({ extended: false }));
const server = app.listen(0, "127.0.0.1", () => {
  const root = `http://localhost:${server.address().port}`;
  const issuer = `${root}/idp`;
  const metadata = samlp.metadata({ issuer, cert, redirectEndpointPath: "/sso", postEndpointPath: "/sso" });
  app.get("/metadata", (request, response) => {
    const { send } = response;
    response.send = (xml) => {
      const only = String(xml).replace(/<SingleSignOnService [^>]*HTTP-Redirect[^>]*\/>/g, "");
      return send.call(response.type("application/xml"), binding === "post" ? only : xml);
    };
    metadata(request, response);
  });
  const ask = (request, response, error) => {
    const { SAMLRequest, RelayState } = { ...request.query, ...request.body };
    samlp.parseRequest({ query: request.query, body: { SAMLRequest } }, (failed, parsed) => {
      if (failed || !parsed || !services[parsed.issuer]) return response.status(400).send("unknown service");
      response.send(`<!doctype html><html lang="en"><title>Provider</title><h1>Sign in at the provider</h1>${error}
<form method="post" action="/login">${hidden({ id: parsed.id, issuer: parsed.issuer, RelayState, SAMLRequest })}
<label>Name <input name="login"></label> <label>Password <input name="password" type="password"></label>
<button name="go" value="1">Sign in</button> <button name="cancel" value="1">Cancel</button></form>`);
    });
  };
  app.get("/sso", (request, response) => ask(request, response, ""));
  app.post("/sso", (request, response) => ask(request, response, ""));
  app.post("/login", (request, response) => {
    const { login, password, cancel, id, issuer: audience, RelayState } = request.body;
    const acs = services[audience];
    if (!acs) return response.status(400).send("unknown service");
    const person = people.find((each) => each.login === login && each.password === password);
    if (!person && !cancel) {
      return response.status(403).send("<!doctype html><title>Provider</title><p role=alert>Wrong name or password.</p>");
    }
    const options = {
      issuer, cert, key, audience, recipient: acs, destination: acs, inResponseTo: id, lifetimeInSeconds: 300,
      signatureAlgorithm: "rsa-sha256", digestAlgorithm: "sha256",
      signAssertion: sign !== "response", signResponse: sign === "response",
    };
    const post = (xml) => response.send(`<!doctype html><html lang="en"><title>Back</title>
<form method="post" action="${escaped(acs)}">${hidden({ SAMLResponse: Buffer.from(xml).toString("base64"), RelayState })}
<button>Continue</button></form><script>document.forms[0].submit()</script>`);
    if (cancel) {
      const top = "urn:oasis:names:tc:SAML:2.0:status:Responder";
      const second = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed";
      return post(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_${Date.now()}" InResponseTo="${escaped(id)}" \
Version="2.0" IssueInstant="${new Date().toISOString()}" Destination="${escaped(acs)}"><saml:Issuer \
xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="${top}">\
<samlp:StatusCode Value="${second}"/></samlp:StatusCode></samlp:Status></samlp:Response>`);
    }
    samlp.getSamlResponse(options, user(person.nameId), (failed, xml) => {
      if (failed) return response.status(500).send(String(failed));
      post(xml);
    });
  });
  console.log(`METADATA ${root}/metadata`);
});

/** The profile mapper of samlp ends the process without these parts. */
function user(id) {
  return { id, emails: [{ value: id }], displayName: id, name: { givenName: "Given", familyName: "Family" } };
}

function escaped(text) {
  return String(text ?? "").replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

function hidden(fields) {
  return Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`)
    .join("");
}
