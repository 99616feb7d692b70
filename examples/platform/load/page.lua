-- The first 20 of those whose name begins so, in the order of the names. LOAD_PAGE_TOTAL is how many there are.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(200, '"totalResults":' .. os.getenv("LOAD_PAGE_TOTAL") .. ",")

function request()
    local filter = escaped('active eq true and userName sw "user1"')
    return wrk.format("GET", wrk.path .. "/Users?sortBy=userName&count=20&filter=" .. filter, headers)
end
