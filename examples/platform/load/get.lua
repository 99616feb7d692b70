-- A user by id.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(200, '"userName"')

function request()
    return wrk.format("GET", wrk.path .. "/Users/" .. any_id(), headers)
end
