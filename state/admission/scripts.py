"""The scripts of the admission, and what they share with the one that picks (`picking.py`).

Redis runs each in one step; `admission.py` calls them, decisions 0036 and 0041 explain them.

A flow is the waiting work of one owner (a job or a stream) in one queue: a hash with its facts, and a list of items. An
item is a call (`C` and JSON) or a range of a batch's shards (`R first last`), which is handed over shard by shard.

KEYS[1] is the prefix of the queue's keys, KEYS[2] the hash of the tenants' parts (`parts.py`). Under the prefix:

tenants                     set: the tenants with waiting work
jobs:{level}:{tenant}       sorted set: flow -> virtual time at which its next item would be finished
left:{level}:{tenant}       sorted set: flow without waiting items -> virtual finish of its last one
clocks                      hash: the virtual times of tenants, shares and levels, in predicted seconds
flow:{flow}, items:{flow}   the facts and the items of a flow
until                       sorted set: flow that a caller waits for -> until when
handing                     sorted set: item on its way to RQ -> since when
charged:{RQ id}             what an entry in RQ was charged: tenant, share, flow, predicted seconds, its weights
backlog                     hash: the number of all that waits, and its predicted seconds and bytes, also by tenant
owners                      hash: owner with entries in RQ -> tenant and predicted seconds of one; of limited tenants
"""

COMMON = """
local P = KEYS[1]
local LEVELS = {'awaited', 'ahead', 'others'}

local function jobs(level, tenant) return P .. ':jobs:' .. level .. ':' .. tenant end
local function left(level, tenant) return P .. ':left:' .. level .. ':' .. tenant end
local function facts(flow) return P .. ':flow:' .. flow end
local function items(flow) return P .. ':items:' .. flow end
local function exact(number) return string.format('%.17g', number) end
local function clock(name) return tonumber(redis.call('hget', P .. ':clocks', name) or '0') end
local function set_clock(name, value) redis.call('hset', P .. ':clocks', name, exact(value)) end

-- Return the number of entries that an item stands for.
local function count(item)
    local first, last = string.match(item, '^R (%d+) (%d+)$')
    return first and tonumber(last) - tonumber(first) + 1 or 1
end

local function add_backlog(flow, number)
    local each = redis.call('hmget', facts(flow), 'seconds', 'bytes', 'tenant')
    redis.call('hincrby', P .. ':backlog', 'entries', number)
    redis.call('hincrby', facts(flow), 'entries', number)
    for i, what in ipairs({'seconds', 'bytes'}) do
        local added = exact(number * tonumber(each[i] or 0))
        redis.call('hincrbyfloat', P .. ':backlog', what, added)
        redis.call('hincrbyfloat', P .. ':backlog', what .. ':' .. (each[3] or ''), added)
    end
end

-- Let a flow with items compete. It continues behind its own last item, and gets no credit for the time without items.
local function join(flow, level, tenant, seconds)
    local last = tonumber(redis.call('zscore', left(level, tenant), flow) or '0')
    redis.call('zrem', left(level, tenant), flow)
    local start = math.max(clock('jobs:' .. level .. ':' .. tenant), last)
    redis.call('zadd', jobs(level, tenant), exact(start + seconds), flow)
    redis.call('sadd', P .. ':tenants', tenant)
    redis.call('persist', P .. ':clocks')
end

-- Take a flow out of the competition. `finish` is the virtual finish of its last item that was handed over.
local function leave(flow, level, tenant, finish)
    redis.call('zrem', jobs(level, tenant), flow)
    if finish > clock('jobs:' .. level .. ':' .. tenant) then
        redis.call('zadd', left(level, tenant), exact(finish), flow)
    end
end

-- Forget the virtual times of the flows of a tenant without waiting work, and the backlog of an empty queue. Tenants
-- keep theirs for a day: RQ may still have entries that they were charged for.
local function settle(tenant)
    for _, level in ipairs(LEVELS) do
        if redis.call('exists', jobs(level, tenant)) == 1 then return end
    end
    for _, level in ipairs(LEVELS) do
        redis.call('del', left(level, tenant))
        redis.call('hdel', P .. ':clocks', 'jobs:' .. level .. ':' .. tenant)
    end
    redis.call('srem', P .. ':tenants', tenant)
    redis.call('hdel', P .. ':backlog', 'seconds:' .. tenant, 'bytes:' .. tenant)
    if redis.call('exists', P .. ':tenants') == 0 then
        redis.call('del', P .. ':backlog')
        redis.call('expire', P .. ':clocks', 86400)
    end
end

local function remove(flow)
    redis.call('del', facts(flow), items(flow))
    redis.call('zrem', P .. ':until', flow)
end

local function move(flow, level)
    local known = redis.call('hmget', facts(flow), 'tenant', 'level', 'seconds')
    if not known[1] or known[2] == level then return end
    local tenant, seconds = known[1], tonumber(known[3])
    local finish = tonumber(redis.call('zscore', jobs(known[2], tenant), flow) or '0')
    leave(flow, known[2], tenant, finish - seconds)
    redis.call('hset', facts(flow), 'level', level)
    join(flow, level, tenant, seconds)
end

-- Add items to a flow, which begins to exist with the first one.
local function put(flow, tenant, level, seconds, bytes, argument, first)
    local is_new = redis.call('exists', facts(flow)) == 0
    if is_new then
        redis.call('hset', facts(flow), 'tenant', tenant, 'level', level, 'home', level,
            'seconds', seconds, 'bytes', bytes, 'argument', argument)
    end
    for i = first, #ARGV do
        redis.call('rpush', items(flow), ARGV[i])
        add_backlog(flow, count(ARGV[i]))
    end
    if is_new then join(flow, level, tenant, tonumber(seconds)) end
end
"""

PUT = (
    COMMON
    + """
-- ARGV: flow, tenant, level, predicted seconds and bytes of an entry, the argument of shards, items.
put(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], 7)
"""
)

PROMOTE = (
    COMMON
    + """
-- Move one item from a flow to another one. ARGV: the first flow, then those of `PUT` with one item.
local tenant, level = unpack(redis.call('hmget', facts(ARGV[1]), 'tenant', 'level'))
if not tenant or redis.call('lrem', items(ARGV[1]), 1, ARGV[8]) == 0 then return 0 end
add_backlog(ARGV[1], -1)
if redis.call('exists', items(ARGV[1])) == 0 then
    redis.call('zrem', jobs(level, tenant), ARGV[1])
    remove(ARGV[1])
end
put(ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], 8)
return 1
"""
)

AWAIT = (
    COMMON
    + """
-- Note that a caller waits for a flow. ARGV: flow, until when.
if redis.call('exists', facts(ARGV[1])) == 0 then return 0 end
move(ARGV[1], 'awaited')
redis.call('zadd', P .. ':until', 'GT', ARGV[2], ARGV[1])
return 1
"""
)

WITHDRAW = (
    COMMON
    + """
-- Remove flows. ARGV: the flows. Returns their items.
local removed = {}
for _, flow in ipairs(ARGV) do
    local tenant, level = unpack(redis.call('hmget', facts(flow), 'tenant', 'level'))
    if tenant then
        for _, item in ipairs(redis.call('lrange', items(flow), 0, -1)) do
            add_backlog(flow, -count(item))
            removed[#removed + 1] = item
        end
        redis.call('zrem', jobs(level, tenant), flow)
        remove(flow)
        settle(tenant)
    end
end
return removed
"""
)

CORRECT = (
    COMMON
    + """
-- Charge an entry that ended what it took. ARGV: RQ id, measured seconds, weight of this measurement in predictions.
-- Without it a tenant whose work takes longer than predicted would get more than its part for as long as it waits.
local key = P .. ':charged:' .. ARGV[1]
local text = redis.call('get', key)
if not text then return 0 end
redis.call('del', key)
local measured, newest = tonumber(ARGV[2]), tonumber(ARGV[3])
local tenant, share, flow, charged, tenant_weight, share_weight = unpack(cjson.decode(text))
for name, weight in pairs({['tenant:' .. tenant] = tenant_weight, [share .. ':' .. tenant] = share_weight}) do
    if redis.call('hexists', P .. ':clocks', name) == 1 then
        set_clock(name, clock(name) + (measured - charged) / weight)
    end
end
-- Update the prediction for the rest of the flow.
local predicted, number = unpack(redis.call('hmget', facts(flow), 'seconds', 'entries'))
predicted, number = tonumber(predicted or ''), tonumber(number or '0')
if predicted then
    add_backlog(flow, -number)
    redis.call('hset', facts(flow), 'seconds', exact(predicted + newest * (measured - predicted)))
    add_backlog(flow, number)
end
return 1
"""
)
