-- Requests random keys of the benchmark's 10,000; a POST carries a value of 100 bytes, a BATCH gets a hundred keys. Every thread has a seed of its own.
local method = os.getenv("BENCH_METHOD") or "GET"
local value = string.rep("v", 100)
local thread = 0

function setup (t)
  thread = thread + 1
  t:set("number", thread)
end

function init ()
  math.randomseed(number)
end

local function batch ()
  local operations = {}
  for i = 1, 100 do operations[i] = string.format('{"op":"get","key":"bench-key-%010d"}', math.random(0, 9999)) end
  return wrk.format("POST", "/kv/batch", { ["content-type"] = "application/json" }, '{"operations":[' .. table.concat(operations, ",") .. "]}")
end

function request ()
  if method == "BATCH" then return batch() end
  local key = string.format("bench-key-%010d", math.random(0, 9999))
  if method == "POST" then
    return wrk.format("POST", "/route", { ["content-type"] = "application/x-www-form-urlencoded" }, "key=" .. key .. "&val=" .. value)
  end
  return wrk.format("GET", "/route?key=" .. key)
end
