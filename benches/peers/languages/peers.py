"""The libraries in Python on the exported inputs: scim2-models and scim2-server. Prints a line for each right answer.
A library that refuses an input, or answers wrongly, is named on standard error.

    python peers.py DIRECTORY
"""

import io
import json
import sys
import time
from pathlib import Path
from urllib.parse import quote

from scim2_models import Context, EnterpriseUser, Group, PatchOp, ScimFilter, User
from scim2_models.path import grammar
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_provider

DIRECTORY = Path(sys.argv[1])
FullUser = User[EnterpriseUser]
# The filters on 10,000 users take seconds.
USERS = 1_000


def read(name):
    return (DIRECTORY / name).read_text()


def sample(work, calls):
    start = time.thread_time()
    for _ in range(calls):
        work()
    return time.thread_time() - start


def measured(work):
    """The median of several samples, in seconds of one call. A sample takes 20 ms at least."""
    calls = 1
    while sample(work, calls) < 0.02:
        calls *= 2
    samples = sorted(sample(work, calls) / calls for _ in range(3 if calls == 1 else 11))
    return samples[len(samples) // 2]


def duration(seconds):
    for scale, unit in ((1e-6, "ns"), (1e-3, "µs"), (1, "ms")):
        if seconds < scale:
            value = seconds / scale * 1000
            break
    else:
        value, unit = seconds, "s"
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"


def measure(name, library, is_right, work, json_alone, units=1):
    """Measures a library beside the work of JSON alone, if its answer is right."""
    try:
        right = is_right()
    except Exception as error:
        print(f"{name} {library}: refused: {str(error)[:80]!r}", file=sys.stderr)
        return
    if not right:
        print(f"{name} {library}: a wrong answer", file=sys.stderr)
        return
    theirs = measured(work) / units
    beside = "limit=- ratio=-"
    if json_alone:
        limit = measured(json_alone) / units
        beside = f"limit={duration(limit)} ratio={theirs / limit:.2f}"
    print(f"{name} ours=- {beside} peer={library}:{duration(theirs)} times_faster=- target=- -", flush=True)


def parse(text):
    # The cache would answer every parse after the first.
    grammar._cached_filter.cache_clear()
    return ScimFilter[FullUser](text)


def parsing():
    for item in json.loads(read("filters.json")):
        text, quoted = item["text"], json.dumps(item["text"])
        measure(
            item["name"],
            "scim2-models",
            lambda text=text: bool(parse(text)),
            lambda text=text: parse(text),
            lambda quoted=quoted: json.loads(quoted),
        )


def evaluation():
    trees = json.loads(read("users.json"))[:USERS]
    users = [FullUser.model_validate(tree) for tree in trees]
    ids = {user.id for user in users}
    for item in json.loads(read("conditions.json")):
        condition = ScimFilter[FullUser](item["filter"])
        found = [id for id in item["found"] if id in ids]
        measure(
            item["name"],
            "scim2-models",
            lambda condition=condition, found=found: [user.id for user in users if condition.match(user)] == found,
            lambda condition=condition: [user for user in users if condition.match(user)],
            None,
            units=USERS,
        )


def comparable(text):
    user = json.loads(text)
    user.pop("meta")
    user["schemas"].sort()
    return user


def patched(model, stored, message):
    resource = model.model_validate(json.loads(stored))
    patch = PatchOp[model].model_validate(json.loads(message), scim_ctx=Context.RESOURCE_PATCH_REQUEST)
    patch.patch(resource)
    return json.dumps(resource.model_dump(mode="json", by_alias=True, exclude_none=True))


def patches():
    for item in json.loads(read("patches.json")):
        user, message, expected = item["user"], item["message"], json.dumps(item["expected"])
        work = lambda user=user, message=message: patched(FullUser, user, message)
        measure(
            item["name"],
            "scim2-models",
            lambda work=work, expected=expected: comparable(work()) == comparable(expected),
            work,
            lambda user=user, message=message: (json.loads(message), json.dumps(json.loads(user))),
        )


def bodies():
    """The request bodies of new users. scim2-models requires the `$ref` of a manager."""
    for body in json.loads(read("bodies.json")):
        user = json.loads(body)
        manager = user[str(EnterpriseUser.__schema__)]["manager"]
        manager["$ref"] = "https://example.com/scim/v2/Users/" + manager["value"]
        yield json.dumps(user)


def create():
    body = next(bodies())

    def work():
        user = FullUser.model_validate(json.loads(body), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        return json.dumps(user.model_dump(mode="json", by_alias=True, exclude_none=True))

    sent = json.loads(body)
    right = lambda: all(key == "schemas" or json.loads(work()).get(key) == value for key, value in sent.items())
    measure("create", "scim2-models", right, work, lambda: json.dumps(json.loads(body)))


def groups():
    for members in (100, 1_000, 10_000, 100_000):
        stored, message = read(f"group-{members}.json"), read(f"add-{members}.json")
        work = lambda stored=stored, message=message: patched(Group, stored, message)
        measure(
            f"group/add-one/{members}",
            "scim2-models",
            lambda work=work, members=members: len(json.loads(work())["members"]) == members + 1,
            work,
            lambda stored=stored: json.dumps(json.loads(stored)),
        )


class Server:
    """scim2-server in this process, without HTTP."""

    def __init__(self):
        self.application = WSGIApplication(InMemoryStorage(), load_default_provider())

    def send(self, method, target, body=""):
        path, _, query = target.partition("?")
        data = body.encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": "/v2" + path,
            "QUERY_STRING": query,
            "SERVER_NAME": "example.com",
            "SERVER_PORT": "443",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(data),
        }
        if data:
            environ |= {"CONTENT_LENGTH": str(len(data)), "CONTENT_TYPE": "application/scim+json"}
        status = []
        answer = b"".join(self.application(environ, lambda line, headers: status.append(int(line[:3]))))
        return status[0], json.loads(answer or b"{}")


def server():
    host = Server()
    stored = [host.send("POST", "/Users", body)[1] for body in bodies()]
    user = next(user for user in stored if user["active"])
    text = json.dumps(user)
    write = lambda: json.dumps(user)
    target, name = f"/Users/{user['id']}", quote(user["userName"])
    measure(
        "handle/get",
        "scim2-server",
        lambda: host.send("GET", target) == (200, json.loads(text)),
        lambda: host.send("GET", target),
        write,
    )
    eq = f"/Users?filter=userName%20eq%20%22{name}%22"
    measure(
        "handle/eq",
        "scim2-server",
        lambda: host.send("GET", eq)[1]["Resources"][0]["id"] == user["id"],
        lambda: host.send("GET", eq),
        write,
    )
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    disable, enable = (
        json.dumps(message | {"Operations": [{"op": "replace", "path": "active", "value": value}]})
        for value in (False, True)
    )

    def there_and_back():
        return host.send("PATCH", target, disable)[0], host.send("PATCH", target, enable)[0]

    def is_right():
        host.send("PATCH", target, disable)
        disabled = host.send("GET", target)[1]["active"]
        host.send("PATCH", target, enable)
        return (disabled, host.send("GET", target)[1]["active"]) == (False, True)

    measure("handle/patch", "scim2-server", is_right, there_and_back, lambda: (write(), write()), units=2)


for part in (parsing, evaluation, patches, create, groups, server):
    try:
        part()
    except Exception as error:
        print(f"{part.__name__}: {str(error)[:200]!r}", file=sys.stderr)
