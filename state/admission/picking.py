"""The script that picks the next entry for RQ: by tenant, by share, then by job (decisions 0036 and 0041)."""

from state.admission.scripts import COMMON

PICK = (
    COMMON
    + """
-- Return the next entry to hand to RQ and what it was charged, or nil when RQ has enough. ARGV: RQ's list,
-- intermediate list and registry of running jobs; how many entries RQ may have; now; when a pump that has not finished
-- counts as dead; weight of readers.
local capacity, now, weight = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])
local stale = redis.call('zrangebyscore', P .. ':handing', '-inf', ARGV[6], 'LIMIT', 0, 1)[1]
if stale then
    redis.call('zadd', P .. ':handing', ARGV[5], stale)
    return {stale, 1, ''}
end

local function has_room()
    local busy = redis.call('llen', ARGV[1]) + redis.call('llen', ARGV[2])
    busy = busy + redis.call('zcount', ARGV[3], ARGV[5], '+inf') + redis.call('zcard', P .. ':handing')
    return busy < capacity
end

-- The weight of a tenant; the seconds and the number of jobs that it may have in RQ, or nil for no limit.
local function part(tenant)
    local text = redis.call('hget', KEYS[2], tenant) or ''
    local weight, seconds, number = string.match(text, '^(%S+) (%S+) (%S+)$')
    weight = tonumber(weight or '')
    return weight and weight > 0 and weight or 1, tonumber(seconds or ''), tonumber(number or '')
end

local function owner_in(text) return string.match(text, '%l[%l%d]*_' .. string.rep('%x', 32)) end

-- What limited tenants have in RQ, by tenant: predicted seconds, number of jobs, and the jobs.
local function in_flight()
    local known, by_tenant, entries = {}, {}, {}
    local stored = redis.call('hgetall', P .. ':owners')
    for i = 1, #stored, 2 do known[stored[i]] = stored[i + 1] end
    if not next(known) then return by_tenant end
    for _, list in ipairs({
        redis.call('lrange', ARGV[1], 0, -1), redis.call('lrange', ARGV[2], 0, -1),
        redis.call('zrangebyscore', ARGV[3], ARGV[5], '+inf'), redis.call('zrange', P .. ':handing', 0, -1),
    }) do
        for _, entry in ipairs(list) do entries[#entries + 1] = entry end
    end
    for _, entry in ipairs(entries) do
        local owner = owner_in(entry)
        local tenant, seconds = string.match(owner and known[owner] or '', '^(%S+) (%S+)$')
        if tenant then
            local one = by_tenant[tenant] or {seconds = 0, number = 0, jobs = {}}
            by_tenant[tenant] = one
            one.seconds = one.seconds + (tonumber(seconds) or 0)
            if not one.jobs[owner] then one.number = one.number + 1 end
            one.jobs[owner] = true
        end
    end
    for owner, text in pairs(known) do
        local tenant = string.match(text, '^%S+') or ''
        if not (by_tenant[tenant] and by_tenant[tenant].jobs[owner]) then
            redis.call('hdel', P .. ':owners', owner)
        end
    end
    return by_tenant
end

-- Whether a tenant's limits admit an entry of a flow. One entry is always admitted, however long it is.
local function is_admitted(flow, flying, most_seconds, most_jobs)
    if not flying then return true end
    local seconds = tonumber(redis.call('hget', facts(flow), 'seconds') or '0')
    if most_seconds and flying.seconds + seconds > most_seconds then return false end
    return not most_jobs or flying.number < most_jobs or flying.jobs[owner_in(flow) or flow]
end

-- The next flow of a tenant, from its two shares: what readers wait for with the look-ahead of streams, and the others.
local function candidate(tenant)
    local served = clock('shares:' .. tenant)
    local readers = math.max(served, clock('readers:' .. tenant))
    local others = math.max(served, clock('others:' .. tenant))
    local order = readers <= others and LEVELS or {'others', 'awaited', 'ahead'}
    local tenant_weight, most_seconds, most_jobs = part(tenant)
    local is_limited = most_seconds or most_jobs
    local flying = is_limited and in_flight()[tenant]
    for _, level in ipairs(order) do
        local flows = redis.call('zrange', jobs(level, tenant), 0, is_limited and 99 or 0, 'WITHSCORES')
        for i = 1, #flows, 2 do
            if is_admitted(flows[i], flying, most_seconds, most_jobs) then
                return {flow = flows[i], finish = tonumber(flows[i + 1]), level = level, tenant = tenant,
                    tenant_weight = tenant_weight, is_limited = is_limited,
                    share = level == 'others' and 'others' or 'readers',
                    share_start = level == 'others' and others or readers}
            end
        end
    end
    settle(tenant)
    return nil
end

-- A tenant starts at its own virtual time, but not before that of the last one served: idle time earns nothing.
local function next_candidate()
    if redis.call('exists', KEYS[2]) == 0 then redis.call('del', P .. ':owners') end
    local starts = {}
    for _, tenant in ipairs(redis.call('smembers', P .. ':tenants')) do
        starts[#starts + 1] = {math.max(clock('tenants'), clock('tenant:' .. tenant)), tenant}
    end
    table.sort(starts, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
    for _, each in ipairs(starts) do
        local found = candidate(each[2])
        if found then
            found.start = each[1]
            return found
        end
    end
    return nil
end

-- Advance the virtual time of a level: as if all its flows were served at once, each with an equal part.
local function advance(level, tenant, seconds)
    local name = 'jobs:' .. level .. ':' .. tenant
    local at, rest = clock(name), seconds
    while rest > 0 do
        redis.call('zremrangebyscore', left(level, tenant), '-inf', exact(at + 1e-6)) -- sums are rounded
        local number = redis.call('zcard', jobs(level, tenant)) + redis.call('zcard', left(level, tenant))
        if number == 0 then break end
        local first = redis.call('zrange', left(level, tenant), 0, 0, 'WITHSCORES')[2]
        local step = rest
        if first then step = math.min(rest, (tonumber(first) - at) * number) end
        at, rest = at + step / number, rest - step
    end
    set_clock(name, at)
end

local function take(flow)
    local item = redis.call('lpop', items(flow))
    local first, last = string.match(item or '', '^R (%d+) (%d+)$')
    if not first then return item end
    if tonumber(first) < tonumber(last) then
        redis.call('lpush', items(flow), 'R ' .. tonumber(first) + 1 .. ' ' .. last)
    end
    return 'S ' .. redis.call('hget', facts(flow), 'argument') .. ' ' .. first
end

-- Charge a tenant and its share for an entry. Returns the facts that `CORRECT` needs when the entry has ended.
local function charge(one, seconds)
    local share_weight = one.share == 'readers' and weight or 1
    set_clock('tenants', one.start)
    set_clock('tenant:' .. one.tenant, one.start + seconds / one.tenant_weight)
    set_clock('shares:' .. one.tenant, one.share_start)
    set_clock(one.share .. ':' .. one.tenant, one.share_start + seconds / share_weight)
    return cjson.encode({one.tenant, one.share, one.flow, seconds, one.tenant_weight, share_weight})
end

for _, flow in ipairs(redis.call('zrangebyscore', P .. ':until', '-inf', ARGV[5])) do
    redis.call('zrem', P .. ':until', flow)
    move(flow, redis.call('hget', facts(flow), 'home') or 'others')
end
while has_room() do
    local one = next_candidate()
    if not one then return nil end
    local flow, level, tenant = one.flow, one.level, one.tenant
    local seconds = tonumber(redis.call('hget', facts(flow), 'seconds') or '0')
    local item, charged = take(flow), ''
    if item then
        add_backlog(flow, -1)
        charged = charge(one, seconds)
        redis.call('zadd', P .. ':handing', ARGV[5], item)
        if one.is_limited then
            redis.call('hset', P .. ':owners', owner_in(flow) or flow, tenant .. ' ' .. exact(seconds))
        end
        advance(level, tenant, seconds)
    end
    if redis.call('exists', items(flow)) == 1 then
        local begin = math.max(clock('jobs:' .. level .. ':' .. tenant), one.finish)
        redis.call('zadd', jobs(level, tenant), exact(begin + seconds), flow)
    else
        leave(flow, level, tenant, one.finish)
        remove(flow)
    end
    settle(tenant)
    if item then return {item, 0, charged} end
end
return nil
"""
)
