-- A new user, of the same shape as those that are there.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(201, '"userName"')

local file = assert(io.open(os.getenv("LOAD_WORK") .. "/user"))
local before, after = file:read("*a"):match("^(.*)NAME(.*)$")
file:close()
local count = 0

function request()
    count = count + 1
    return wrk.format("POST", wrk.path .. "/Users", headers, before .. "new" .. number .. "-" .. count .. after)
end
