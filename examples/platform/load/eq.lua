-- The one user that has a name: what an identity provider asks before each creation.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(200, '"totalResults":1,')

function request()
    local filter = escaped('userName eq "' .. name_of(any_user()) .. '"')
    return wrk.format("GET", wrk.path .. "/Users?filter=" .. filter, headers)
end
