-- Plain SCTP packets out of one port of Pktgen-DPDK, records back in on another, at several rates.
--
-- The packets come from a capture that traffic-generator --pcap has written and that Pktgen was
-- started with (-s PORT:FILE), so the sizes are those of the capture: one start of Pktgen per size.
-- See README.md for the command lines. Settings are taken from the environment:
--   PKTGEN_TX, PKTGEN_RX   ports (0, 1); the same one when both legs are on one NIC
--   PKTGEN_RATES           percent of the link's speed ("1 5 10 25 50 75 100")
--   PKTGEN_SECONDS         at each rate (10)
--   PKTGEN_LABEL           what the results are of, e.g. the size ("")
--   PKTGEN_RESULTS         file that a line of JSON per rate is added to ("pktgen-results.json")
--   PKTGEN_QUIT            "no": stay in Pktgen afterwards
if not pktgen then
    error("to be run by Pktgen-DPDK (-f pktgen.lua), which has the table pktgen")
end

local function setting(name, default)
    local value = os.getenv(name)
    return value ~= nil and value ~= "" and value or default
end

local tx = setting("PKTGEN_TX", "0")
local rx = setting("PKTGEN_RX", "1")
local seconds = tonumber(setting("PKTGEN_SECONDS", "10"))
local label = setting("PKTGEN_LABEL", "")
local results = setting("PKTGEN_RESULTS", "pktgen-results.json")
local settle_ms = 1000

-- Counters since the last clr(), whatever Pktgen calls the ports' numbers.
local function counters(port)
    local all = pktgen.portStats(port, "port")
    local one = all and all[tonumber(port)]
    if not one then
        error("port " .. port .. " has no statistics: is it in Pktgen's -m mapping?")
    end
    return one
end

local function trial(rate)
    pktgen.stop(tx)
    pktgen.delay(settle_ms)
    pktgen.clr()
    pktgen.set(tx, "rate", rate)
    pktgen.start(tx)
    pktgen.delay(seconds * 1000)
    pktgen.stop(tx)
    pktgen.delay(settle_ms) -- what is on its way still counts
    local sent, received = counters(tx), counters(rx)
    local out = {
        rate = rate,
        sent = sent.opackets,
        received = received.ipackets,
        missed = (received.ierrors or 0) + (received.imissed or 0) + (received.rx_nombuf or 0),
    }
    out.lost = math.max(out.sent - out.received, 0)
    out.packets_per_s = out.received / seconds
    out.ratio = out.sent > 0 and out.received / out.sent or 0
    return out
end

pktgen.screen("off")
pktgen.set(tx, "count", 0) -- until stopped
pktgen.set(tx, "burst", 32)
pktgen.pcap(tx, "on")
local file = assert(io.open(results, "a"))
print(string.format("%-8s %6s %12s %12s %10s %14s %7s", "packets", "rate", "sent", "received", "lost",
    "packets/s", "ratio"))
for word in setting("PKTGEN_RATES", "1 5 10 25 50 75 100"):gmatch("[^%s,]+") do
    local rate = tonumber(word)
    if not rate or rate <= 0 or rate > 100 then
        error("PKTGEN_RATES: " .. word .. " is not a percentage above 0")
    end
    local run = trial(rate)
    print(string.format("%-8s %5g%% %12d %12d %10d %14.0f %7.4f", label, run.rate, run.sent,
        run.received, run.lost, run.packets_per_s, run.ratio))
    file:write(string.format(
        '{"mix": "%s", "rate_percent": %g, "seconds": %g, "sent": %d, "received": %d, "lost": %d, '
            .. '"missed_by_port": %d, "packets_per_s": %.0f, "ratio": %.6f}\n',
        label, run.rate, seconds, run.sent, run.received, run.lost, run.missed, run.packets_per_s,
        run.ratio))
    file:flush()
end
file:close()
pktgen.pcap(tx, "off")
pktgen.screen("on")
if setting("PKTGEN_QUIT", "yes") ~= "no" then
    pktgen.quit()
end
