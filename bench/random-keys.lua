-- Requests random keys of the benchmark's 10,000; a POST carries a value of 100 bytes, a BATCH gets a hundred
-- keys. Every thread has a seed of its own. Of the answers to a BATCH it counts those in which not every get
-- has succeeded, which wrk takes for good ones. With a mean pause each connection waits before a request, as
-- long as chance has it: arrivals are then as irregular as those of many clients.
local method = os.getenv("BENCH_METHOD") or "GET"
local path = os.getenv("BENCH_PATH") or "/route?key=%s"
local pause_ms = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
local value = string.rep("v", 100)
local threads = {}

function setup (thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init ()
  math.randomseed(number)
  wrong = 0
end

local function batch ()
  local operations = {}
  for i = 1, 100 do
    operations[i] = string.format('{"op":"get","key":"bench-key-%010d"}', math.random(0, 9999))
  end
  local headers = { ["content-type"] = "application/json" }
  return wrk.format("POST", "/kv/batch", headers, '{"operations":[' .. table.concat(operations, ",") .. "]}")
end

function request ()
  if method == "BATCH" then return batch() end
  local key = string.format("bench-key-%010d", math.random(0, 9999))
  if method == "POST" then
    local headers = { ["content-type"] = "application/x-www-form-urlencoded" }
    return wrk.format("POST", "/route", headers, "key=" .. key .. "&val=" .. value)
  end
  return wrk.format("GET", string.format(path, key))
end

if method == "BATCH" then
  function response (_, _, body)
    local _, got = body:gsub('"status":200', "")
    if got ~= 100 then wrong = wrong + 1 end
  end
end

function done ()
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("wrong") end
  io.write("Wrong answers: " .. total .. "\n")
end

if pause_ms > 0 then
  function delay ()
    -- wrk waits for whole milliseconds.
    return math.floor(-pause_ms * math.log(1 - math.random()) + math.random())
  end
end
