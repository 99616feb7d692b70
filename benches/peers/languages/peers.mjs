// The libraries in JavaScript on the exported inputs: scim-patch, scim2-parse-filter and scimmy. Prints a line for each
// right answer. A library that refuses an input, or answers wrongly, is named on standard error.
//
//     node peers.mjs DIRECTORY
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import scimPatchModule from "scim-patch";
import filterModule from "scim2-parse-filter";
import SCIMMY from "scimmy";

const { scimPatch } = scimPatchModule;
const { parse, filter } = filterModule;
const directory = process.argv[2];
const read = (name) => readFileSync(join(directory, name), "utf8");
const User = SCIMMY.Schemas.User;
const Group = SCIMMY.Schemas.Group;
User.extend(SCIMMY.Schemas.EnterpriseUser);

// Seconds of CPU time of the process. The garbage collector belongs to the work.
const now = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
};

// The median of several samples, in seconds of one call. A sample takes 20 ms at least.
async function time(work) {
    let calls = 1;
    for (;;) {
        const start = now();
        for (let call = 0; call < calls; call++) await work();
        if (now() - start >= 0.02) break;
        calls *= 2;
    }
    const samples = [];
    for (let round = 0; round < (calls === 1 ? 3 : 11); round++) {
        const start = now();
        for (let call = 0; call < calls; call++) await work();
        samples.push((now() - start) / calls);
    }
    return samples.sort((left, right) => left - right)[samples.length >> 1];
}

function duration(seconds) {
    const [value, unit] = seconds < 1e-6 ? [seconds * 1e9, "ns"] : seconds < 1e-3 ? [seconds * 1e6, "µs"]
        : seconds < 1 ? [seconds * 1e3, "ms"] : [seconds, "s"];
    return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + unit;
}

// Measures a library beside the work of JSON alone, if its answer is right.
async function measure(name, library, isRight, work, json, units = 1) {
    let right = false;
    try {
        right = await isRight();
    } catch (error) {
        console.error(`${name} ${library}: refused: ${String(error.message).slice(0, 80)}`);
        return;
    }
    if (!right) {
        console.error(`${name} ${library}: a wrong answer`);
        return;
    }
    const theirs = (await time(work)) / units;
    const limit = json && (await time(json)) / units;
    const beside = json ? `limit=${duration(limit)} ratio=${(theirs / limit).toFixed(2)}` : "limit=- ratio=-";
    console.log(`${name} ours=- ${beside} peer=${library}:${duration(theirs)} times_faster=- target=- -`);
}

for (const { name, text } of JSON.parse(read("filters.json"))) {
    const quoted = JSON.stringify(text);
    const json = () => JSON.parse(quoted);
    await measure(name, "scim2-parse-filter", () => !!parse(text), () => parse(text), json);
    await measure(name, "scimmy", () => !!new SCIMMY.Types.Filter(text), () => new SCIMMY.Types.Filter(text), json);
}

const users = JSON.parse(read("users.json"));
for (const { name, filter: text, found } of JSON.parse(read("conditions.json"))) {
    const ids = (list) => isDeepStrictEqual(list.map((user) => user.id), found);
    const [test, scimmy] = [filter(parse(text)), () => new SCIMMY.Types.Filter(text).match(users)];
    await measure(name, "scim2-parse-filter", () => ids(users.filter(test)), () => users.filter(test), null, users.length);
    await measure(name, "scimmy", () => ids(scimmy()), scimmy, null, users.length);
}

// A user without the time of the change, which some libraries set.
function comparable(user) {
    const { meta, schemas, ...rest } = JSON.parse(typeof user === "string" ? user : JSON.stringify(user));
    return { ...rest, schemas: [...schemas].sort() };
}

const patched = (stored, message) => {
    return JSON.stringify(scimPatch(JSON.parse(stored), JSON.parse(message).Operations));
};
const applied = async (Schema, stored, message) => {
    const patch = new SCIMMY.Messages.PatchOp(JSON.parse(message));
    return JSON.stringify(await patch.apply(new Schema(JSON.parse(stored))));
};

for (const { name, user, message, expected } of JSON.parse(read("patches.json"))) {
    const json = () => [JSON.parse(message), JSON.stringify(JSON.parse(user))];
    for (const [library, work] of [
        ["scim-patch", () => patched(user, message)],
        ["scimmy", () => applied(User, user, message)],
    ]) {
        await measure(name, library, async () => isDeepStrictEqual(comparable(await work()), comparable(expected)), work, json);
    }
}

for (const body of [JSON.parse(read("bodies.json"))[0]]) {
    const work = () => JSON.stringify(new User(JSON.parse(body), "in"));
    const isRight = () => {
        const [shown, sent] = [JSON.parse(work()), JSON.parse(body)];
        return Object.keys(sent).every((key) => key === "schemas" || isDeepStrictEqual(shown[key], sent[key]));
    };
    await measure("create", "scimmy", isRight, work, () => JSON.stringify(JSON.parse(body)));
}

for (const members of [100, 1000, 10000, 100000]) {
    const [stored, message] = [read(`group-${members}.json`), read(`add-${members}.json`)];
    const json = () => JSON.stringify(JSON.parse(stored));
    const isRight = (shown) => JSON.parse(shown).members.length === members + 1;
    for (const [library, work] of [
        ["scim-patch", () => patched(stored, message)],
        ["scimmy", () => applied(Group, stored, message)],
    ]) {
        await measure(`group/add-one/${members}`, library, async () => isRight(await work()), work, json);
    }
}
