-- Work for the Lua interpreter: queens, string building and matching, tables of closures, a heap.
-- `lua work.lua ROUNDS` prints the same for every build of the interpreter; a line each 50 rounds tells
-- whoever reads how far it is.
local rounds = tonumber(arg[1]) or 10
io.stdout:setvbuf("line")

local function queens(n)
  local columns, up, down, count = {}, {}, {}, 0
  local function place(row)
    if row > n then
      count = count + 1
      return
    end
    for column = 1, n do
      if not (columns[column] or up[row + column] or down[row - column + n]) then
        columns[column], up[row + column], down[row - column + n] = true, true, true
        place(row + 1)
        columns[column], up[row + column], down[row - column + n] = nil, nil, nil
      end
    end
  end
  place(1)
  return count
end

local function words(n, seed)
  local parts = {}
  for i = 1, n do
    seed = (seed * 1103515245 + 12345) % 2147483648
    parts[i] = string.format("%x-%d", seed, i)
  end
  local text, sum = table.concat(parts, " "), 0
  for hex, number in text:gmatch("(%x+)%-(%d+)") do
    sum = sum + #hex * tonumber(number)
  end
  return sum, seed
end

local Heap = {}
Heap.__index = Heap

function Heap.push(self, value)
  local i = #self + 1
  self[i] = value
  while i > 1 and self[i // 2] > self[i] do
    self[i // 2], self[i] = self[i], self[i // 2]
    i = i // 2
  end
end

function Heap.pop(self)
  local top, last = self[1], table.remove(self)
  if #self > 0 then
    local i = 1
    self[1] = last
    while true do
      local child = 2 * i
      if child + 1 <= #self and self[child + 1] < self[child] then
        child = child + 1
      end
      if child > #self or self[i] <= self[child] then
        break
      end
      self[i], self[child] = self[child], self[i]
      i = child
    end
  end
  return top
end

local function heap_sort(n, seed)
  local heap, checksum = setmetatable({}, Heap), 0
  for _ = 1, n do
    seed = (seed * 1103515245 + 12345) % 2147483648
    heap:push(seed / 7)
  end
  for i = 1, n do
    checksum = checksum + heap:pop() * i % 1000
  end
  return checksum, seed
end

local seed, total = 1, 0.0
for round = 1, rounds do
  local sum, checksum
  sum, seed = words(400, seed)
  checksum, seed = heap_sort(500, seed)
  total = total + sum + checksum + queens(6) * round
  if round % 50 == 0 then
    print(string.format("%10d %20.3f", round, total))
  end
end
print(string.format("%d rounds, checksum %a", rounds, total))
