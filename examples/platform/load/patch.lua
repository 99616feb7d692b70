-- Another display name for a user. Each is new, so that each is a write.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(200, '"userName"')

local count = 0

function request()
    count = count + 1
    local body = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace",'
        .. '"path":"displayName","value":"Person ' .. number .. "." .. count .. '"}]}'
    return wrk.format("PATCH", wrk.path .. "/Users/" .. any_id(), headers, body)
end
