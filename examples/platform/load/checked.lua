-- What the requests of all rows share: where they go, which users there are, and that every answer is looked at.
--
-- expect(STATUS, TEXT) is called by a row's script: an answer that has another status, or a body without the text, is
-- wrong. wrk itself tells of neither.

local directory = os.getenv("LOAD_WORK")
local token = os.getenv("LOAD_TOKEN")
local threads = {}
local expected_status, expected_text

users = tonumber(os.getenv("LOAD_USERS"))
headers = {
    ["Authorization"] = "Bearer " .. token,
    ["Content-Type"] = "application/scim+json",
}

-- The ids that the server gave, the n-th to the user with the n-th name.
ids = {}
for id in io.lines(directory .. "/ids") do
    ids[#ids + 1] = id
end
assert(#ids == users, "expected an id for each user")

-- These two are read from outside of the thread.
wrong = 0
example = ""

function expect(status, text)
    expected_status, expected_text = status, text
end

-- `text` as a part of a URL's query.
function escaped(text)
    return (text:gsub("[^%w%-._~]", function(byte)
        return ("%%%02X"):format(byte:byte())
    end))
end

function name_of(n)
    return "user" .. n .. "@example.com"
end

function any_user()
    return math.random(0, users - 1)
end

function any_id()
    return ids[math.random(#ids)]
end

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("number", #threads)
end

function init()
    -- Two threads are not to ask for the same users in the same order.
    math.randomseed(os.time() * 16 + number)
end

function response(status, _, body)
    local is_right = status == expected_status and (not expected_text or body:find(expected_text, 1, true))
    if not is_right then
        wrong = wrong + 1
        example = status .. " " .. body:sub(1, 300)
    end
end

-- The last line that wrk prints, for the script that started it.
function done(summary)
    local wrong, example, errors = 0, "", summary.errors
    for _, thread in ipairs(threads) do
        wrong = wrong + thread:get("wrong")
        if example == "" then
            example = thread:get("example")
        end
    end
    local lost = errors.connect + errors.read + errors.write + errors.timeout
    if example ~= "" then
        print("a wrong answer: " .. example)
    end
    print(("checked %d %d %d %d"):format(summary.requests, summary.duration, wrong, lost))
end
