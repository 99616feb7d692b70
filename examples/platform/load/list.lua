-- 100 of about half of all users, from the 101st in the order of the names, with two attributes of each.
-- LOAD_LIST_TOTAL is how many there are.
dofile(os.getenv("LOAD_SCRIPTS") .. "/checked.lua")
expect(200, '"totalResults":' .. os.getenv("LOAD_LIST_TOTAL") .. ",")

function request()
    local filter = escaped('userType eq "Employee" and active eq true')
    local page = "sortBy=userName&startIndex=101&count=100&attributes=userName,emails"
    return wrk.format("GET", wrk.path .. "/Users?" .. page .. "&filter=" .. filter, headers)
end
