-- Runs pktgen.lua once against a stand-in for Pktgen's table: lua5.3 pktgen_test.lua PKTGEN.LUA
-- The stand-in sends 1,000 packets per percent and second and loses everything above 50 %.
local sending, rate, sent, received = false, 0, 0, 0
local quit, with_pcap = false, false
local known = {}

function known.screen() end
function known.clr()
    assert(not sending, "counters cleared while sending")
    sent, received = 0, 0
end
function known.set(port, what, value)
    assert(port == "0" and value ~= nil)
    if what == "rate" then
        rate = value
    end
end
function known.pcap(_, state)
    assert(state == "on" or state == "off")
    with_pcap = state == "on"
end
function known.start(port)
    assert(port == "0" and with_pcap)
    sending = true
end
function known.stop(port)
    assert(port == "0")
    sending = false
end
function known.delay(ms)
    if sending then
        local n = math.floor(1000 * ms / 1000)
        sent = sent + n * rate
        received = received + n * math.min(rate, 50)
    end
end
function known.portStats(port, kind)
    assert(kind == "port")
    if port == "0" then
        return { [0] = { opackets = sent, ipackets = 0 }, n = 1 }
    end
    return { [1] = { opackets = 0, ipackets = received, ierrors = 0, imissed = 3, rx_nombuf = 0 }, n = 1 }
end
function known.quit()
    quit = true
end

-- A function that Pktgen does not have must not pass unnoticed.
pktgen = setmetatable(known, {
    __index = function(_, name)
        error("pktgen." .. name .. " is not known to the test")
    end,
})
local results = os.tmpname()
local environment = {
    PKTGEN_RATES = "10,100",
    PKTGEN_SECONDS = "2",
    PKTGEN_LABEL = "256",
    PKTGEN_RESULTS = results,
}
os.getenv = function(name)
    return environment[name]
end
dofile(arg[1])

local lines = {}
for line in io.lines(results) do
    lines[#lines + 1] = line
end
os.remove(results)
assert(quit, "Pktgen was not ended")
assert(#lines == 2, "a line per rate")
assert(lines[1]:find('"sent": 20000, "received": 20000, "lost": 0', 1, true), lines[1])
assert(lines[2]:find('"sent": 200000, "received": 100000, "lost": 100000', 1, true), lines[2])
assert(lines[2]:find('"missed_by_port": 3, "packets_per_s": 50000, "ratio": 0.500000', 1, true), lines[2])
