-- Wireshark plugin: the DTLS chunk of SCTP (type 0x41), the DTLS Key Management parameter (0x8006) and
-- the error causes 100 to 103 (draft-ietf-tsvwg-sctp-dtls-chunk).
--
-- A post-dissector: Wireshark's SCTP dissector has no table for chunk types, so this one reads the same
-- octets once more and adds a tree of its own. Every read is bounded by the octets there are; what
-- breaks a rule of the draft becomes expert information. Decrypts nothing: Wireshark's Lua offers no
-- ciphers here, decrypt-capture does it beforehand.

local CHUNK_INIT, CHUNK_INIT_ACK, CHUNK_ABORT, CHUNK_ERROR, CHUNK_DTLS = 1, 2, 6, 9, 0x41
local PARAMETER = 0x8006
local COMMON_HEADER, CHUNK_HEADER, INIT_FIXED = 12, 4, 20
local RECORD_AT, CIPHERTEXT_AT = 5, 8 -- from the chunk's first octet
local MIN_RECORD, MAX_RECORD = 3 + 1 + 16, 16384 + 256

local METHODS = {
    [0] = "pre-shared keys",
    [1] = "single DTLS 1.3 connection",
    [192] = "TLS 1.3 per key set",
    [255] = "reserved",
}
local CAUSES = {
    [100] = "Missing DTLS Chunk Support",
    [101] = "No Common Key Management Method",
    [102] = "Tie Breaker Collision",
    [103] = "Incompatible Roles",
}
local CHUNKS_WITH_PARAMETERS = {
    [CHUNK_INIT] = INIT_FIXED, [CHUNK_INIT_ACK] = INIT_FIXED,
    [4] = 4, [5] = 4, -- HEARTBEAT: a parameter of this type does not belong there
}

local proto = Proto("sctp_dtls", "SCTP DTLS Chunk")
local SET = { "Set", "Not set" }
local f = {
    flags = ProtoField.uint8("sctp_dtls.flags", "Chunk flags", base.HEX),
    reserved = ProtoField.uint8("sctp_dtls.flags.reserved", "Reserved", base.HEX, nil, 0xfe),
    restart = ProtoField.bool("sctp_dtls.restart", "R (restart key context)", 8, SET, 0x01),
    length = ProtoField.uint16("sctp_dtls.length", "Chunk length"),
    pre_padding = ProtoField.uint8("sctp_dtls.pre_padding", "Pre-padding", base.HEX),
    header = ProtoField.uint8("sctp_dtls.record.header", "Unified header", base.HEX),
    form = ProtoField.uint8("sctp_dtls.record.form", "Fixed bits (001)", base.HEX, nil, 0xe0),
    cid = ProtoField.bool("sctp_dtls.record.cid", "C (connection ID)", 8, SET, 0x10),
    long_number = ProtoField.bool("sctp_dtls.record.long_number", "S (16-bit record number)", 8, SET, 0x08),
    has_length = ProtoField.bool("sctp_dtls.record.has_length", "L (length)", 8, SET, 0x04),
    epoch_bits = ProtoField.uint8("sctp_dtls.record.epoch_bits", "Epoch, low two bits", base.DEC, nil, 0x03),
    number = ProtoField.uint16("sctp_dtls.record.encrypted_number", "Record number (encrypted)", base.HEX),
    ciphertext = ProtoField.bytes("sctp_dtls.record.ciphertext", "Encrypted record and tag"),
    record_length = ProtoField.uint16("sctp_dtls.record.length", "Record length"),
    post_padding = ProtoField.bytes("sctp_dtls.post_padding", "Post-padding"),
    km_length = ProtoField.uint16("sctp_dtls.km.length", "Parameter length"),
    tie_breaker = ProtoField.uint32("sctp_dtls.km.tie_breaker", "Tie breaker", base.HEX),
    km_flags = ProtoField.uint8("sctp_dtls.km.flags", "Flags", base.HEX),
    km_reserved = ProtoField.uint8("sctp_dtls.km.flags.reserved", "Reserved", base.HEX, nil, 0xf8),
    km_restart = ProtoField.bool("sctp_dtls.km.flags.restart", "R (restart supported)", 8, SET, 0x04),
    km_server = ProtoField.bool("sctp_dtls.km.flags.server", "S (can be server)", 8, SET, 0x02),
    km_client = ProtoField.bool("sctp_dtls.km.flags.client", "C (can be client)", 8, SET, 0x01),
    method = ProtoField.uint8("sctp_dtls.km.method", "Key-management method", base.DEC, METHODS),
    km_padding = ProtoField.bytes("sctp_dtls.km.padding", "Padding"),
    agreed_method = ProtoField.uint8("sctp_dtls.km.agreed_method", "Agreed method", base.DEC, METHODS),
    server = ProtoField.string("sctp_dtls.km.server", "Key-management server"),
    cause = ProtoField.uint16("sctp_dtls.cause", "Error cause", base.DEC, CAUSES),
    cause_length = ProtoField.uint16("sctp_dtls.cause.length", "Cause length"),
    opened_epoch = ProtoField.uint16("sctp_dtls.decrypted.epoch", "Decrypted beforehand: epoch"),
    opened_role = ProtoField.string("sctp_dtls.decrypted.role", "Decrypted beforehand: key context"),
    opened_number = ProtoField.uint64("sctp_dtls.decrypted.record_number", "Decrypted beforehand: record number"),
}
proto.fields = f

local function expert(name, text, group, severity)
    return ProtoExpert.new("sctp_dtls.expert." .. name, text, group, severity)
end
local e = {
    bundled = expert("bundled", "DTLS chunk is not the first and only chunk: receivers drop the packet", PI_PROTOCOL, PI_ERROR),
    clear = expert("clear", "In clear after this side's first DTLS chunk: receivers drop the packet", PI_SECURITY, PI_WARN),
    reserved = expert("reserved_flags", "Reserved flags are set (receivers ignore them)", PI_PROTOCOL, PI_NOTE),
    pre_padding = expert("pre_padding", "Pre-padding is not zero", PI_PROTOCOL, PI_WARN),
    post_padding = expert("post_padding", "Post-padding is not zero octets up to a multiple of 4", PI_PROTOCOL, PI_WARN),
    form = expert("header_form", "Unified header is not 001 C=0 S=1 L=0", PI_MALFORMED, PI_ERROR),
    too_short = expert("too_short", "Too short for a DTLS record", PI_MALFORMED, PI_ERROR),
    overrun = expert("overrun", "Chunk length goes beyond the packet", PI_MALFORMED, PI_ERROR),
    chunk_length = expert("chunk_length", "Chunk length below 4: the packet cannot be walked further", PI_MALFORMED, PI_ERROR),
    too_long = expert("too_long", "Record is longer than 2^14 + 256 octets", PI_PROTOCOL, PI_ERROR),
    km_length = expert("km.length", "Parameter length is wrong", PI_MALFORMED, PI_ERROR),
    km_place = expert("km.place", "DTLS Key Management parameter outside INIT and INIT ACK", PI_PROTOCOL, PI_ERROR),
    km_twice = expert("km.twice", "More than one DTLS Key Management parameter", PI_PROTOCOL, PI_ERROR),
    km_role = expert("km.no_role", "Neither server nor client is offered", PI_PROTOCOL, PI_ERROR),
    km_reserved = expert("km.reserved", "Reserved flag bits are set (receivers ignore them)", PI_PROTOCOL, PI_NOTE),
    km_method = expert("km.method", "Method list is not sound", PI_PROTOCOL, PI_WARN),
    km_padding = expert("km.padding", "Padding is not zero", PI_PROTOCOL, PI_WARN),
    km_none = expert("km.no_agreement", "The two sides do not fit", PI_PROTOCOL, PI_WARN),
    cause_length = expert("cause.length", "Cause length is not 4", PI_MALFORMED, PI_ERROR),
    cause_place = expert("cause.place", "This error cause belongs in ABORT only", PI_PROTOCOL, PI_ERROR),
}
local all_experts = {}
for _, one in pairs(e) do
    all_experts[#all_experts + 1] = one
end
proto.experts = all_experts

local sctp_field, port_field, comment_field = Field.new("sctp"), Field.new("sctp.srcport"), Field.new("frame.comment")
local frame_length, captured_length = Field.new("frame.len"), Field.new("frame.cap_len")
local icmp_field, icmpv6_field = Field.new("icmp"), Field.new("icmpv6")

-- What frames told so far; forgotten when a capture is loaded. Keys: "source:destination:tag" on the wire.
local offers = {}          -- of an INIT, by the initiate tag the answer will carry
local agreed = {}          -- method, for both directions
local first_protected = {} -- frame of the first DTLS chunk
function proto.init()
    offers, agreed, first_protected = {}, {}, {}
end

local function direction(source, destination, tag)
    return string.format("%d:%d:%08x", source, destination, tag)
end

-- For sctp_dtls_keying.lua: what INIT and INIT ACK settled, or nil. Wireshark gives each script global
-- variables of its own; only _G is shared.
function _G.sctp_dtls_agreed_method(source, destination, tag)
    return agreed[direction(source, destination, tag)]
end

-- The draft's computation, alike on both sides. Returns method, server; or nil, the cause to expect.
local function agree(initiator, responder)
    local first = initiator.server and responder.client
    local second = responder.server and initiator.client
    if not first and not second then
        return nil, 103
    end
    if first and second then
        if initiator.tie_breaker == responder.tie_breaker then
            return nil, 102
        end
        first = initiator.tie_breaker > responder.tie_breaker
    end
    local server, client = responder, initiator
    if first then
        server, client = initiator, responder
    end
    for _, wanted in ipairs(server.methods) do
        for _, other in ipairs(client.methods) do
            if wanted == other then
                return wanted, first and "initiator" or "responder"
            end
        end
    end
    return nil, 101
end

local function all_zero(range)
    return not range:bytes():tohex():find("[^0]")
end

-- Calls visit(type, range) for each item of a type-length-value list; range is the item, its padding
-- excluded. Returns false where a length does not fit.
local function each_item(range, visit)
    local at = 0
    while at + 4 <= range:len() do
        local kind, length = range(at, 2):uint(), range(at + 2, 2):uint()
        if length < 4 or at + length > range:len() then
            visit(kind, range(at), false)
            return
        end
        visit(kind, range(at, length), true, range, at + length)
        at = at + length + (-length) % 4
    end
end

-- item: from the parameter's type on. padding_at: where its padding begins in around, the list.
local function dissect_parameter(item, whole, around, padding_at, tree)
    local branch = tree:add(item, "DTLS Key Management parameter")
    branch:add(f.km_length, item(2, 2))
    if not whole or item:len() < 10 then
        branch:add_proto_expert_info(e.km_length, whole and "Parameter length below 10: no method"
            or "Parameter length does not fit its chunk")
        return nil
    end
    local offer = { tie_breaker = item(4, 4):uint(), methods = {} }
    branch:add(f.tie_breaker, item(4, 4))
    local flags = branch:add(f.km_flags, item(8, 1))
    for _, bit_field in ipairs({ f.km_reserved, f.km_restart, f.km_server, f.km_client }) do
        flags:add(bit_field, item(8, 1))
    end
    offer.server, offer.client = item(8, 1):bitfield(6, 1) == 1, item(8, 1):bitfield(7, 1) == 1
    if item(8, 1):bitfield(0, 5) ~= 0 then
        flags:add_proto_expert_info(e.km_reserved)
    end
    if not offer.server and not offer.client then
        flags:add_proto_expert_info(e.km_role)
    end
    local known, names = {}, {}
    for at = 9, item:len() - 1 do
        local id = item(at, 1):uint()
        local line = branch:add(f.method, item(at, 1))
        if id == 255 then
            line:add_proto_expert_info(e.km_method, "Method 255 is reserved")
        elseif known[id] then
            line:add_proto_expert_info(e.km_method, "Method " .. id .. " is listed twice")
        end
        known[id] = true
        offer.methods[#offer.methods + 1] = id
        names[#names + 1] = tostring(id)
    end
    branch:append_text(", methods " .. table.concat(names, ", "))
    local padding = math.min((-item:len()) % 4, around:len() - padding_at)
    if padding > 0 then
        local line = branch:add(f.km_padding, around(padding_at, padding))
        if not all_zero(around(padding_at, padding)) then
            line:add_proto_expert_info(e.km_padding)
        end
    end
    return offer, branch
end

-- The parameters of a chunk. Returns the offer of the first 0x8006 that can be read, and its tree.
local function dissect_parameters(chunk, tree)
    local offer, offer_tree
    local count = 0
    each_item(chunk.range(CHUNKS_WITH_PARAMETERS[chunk.kind]), function(kind, item, whole, around, after)
        if kind ~= PARAMETER then
            return
        end
        count = count + 1
        local found, branch = dissect_parameter(item, whole, around, after, tree)
        if count > 1 then
            tree:add_proto_expert_info(e.km_twice)
        end
        if chunk.kind ~= CHUNK_INIT and chunk.kind ~= CHUNK_INIT_ACK then
            tree:add_proto_expert_info(e.km_place)
        elseif count == 1 then
            offer, offer_tree = found, branch
        end
    end)
    return offer, offer_tree
end

local function dissect_negotiation(chunk, packet, tree)
    local offer, branch = dissect_parameters(chunk, tree)
    local tag = chunk.range(4, 4):uint()
    if chunk.kind == CHUNK_INIT then
        offers[direction(packet.destination, packet.source, tag)] = offer
        return
    end
    local mine = offers[direction(packet.source, packet.destination, packet.tag)]
    if not mine or not offer then
        return
    end
    local method, server = agree(mine, offer)
    if not method then
        branch:add_proto_expert_info(e.km_none, string.format("The two sides do not fit: cause %d, %s",
            server, CAUSES[server]))
        return
    end
    branch:add(f.agreed_method, method):set_generated()
    branch:add(f.server, server):set_generated()
    agreed[direction(packet.source, packet.destination, packet.tag)] = method
    agreed[direction(packet.destination, packet.source, tag)] = method
end

local function dissect_causes(chunk, tree)
    each_item(chunk.range(CHUNK_HEADER), function(kind, item)
        if not CAUSES[kind] then
            return
        end
        local branch = tree:add(f.cause, item(0, 2))
        branch:add(f.cause_length, item(2, 2))
        if item(2, 2):uint() ~= 4 then
            branch:add_proto_expert_info(e.cause_length)
        end
        if chunk.kind ~= CHUNK_ABORT then
            branch:add_proto_expert_info(e.cause_place)
        end
    end)
end

local function dissect_dtls_chunk(chunk, packet, tree, pinfo)
    local range = chunk.range
    local branch = tree:add(range, "DTLS chunk")
    local flags = branch:add(f.flags, range(1, 1))
    flags:add(f.reserved, range(1, 1))
    flags:add(f.restart, range(1, 1))
    branch:add(f.length, range(2, 2))
    local length = range(2, 2):uint()
    local restart = range(1, 1):bitfield(7, 1) == 1
    if range(1, 1):bitfield(0, 7) ~= 0 then
        flags:add_proto_expert_info(e.reserved)
    end
    if #packet.chunks > 1 then
        branch:add_proto_expert_info(e.bundled)
    end
    if length > range:len() and packet.whole then
        branch:add_proto_expert_info(e.overrun)
    end
    if length < RECORD_AT + MIN_RECORD then
        branch:add_proto_expert_info(e.too_short)
    elseif length > RECORD_AT + MAX_RECORD then
        branch:add_proto_expert_info(e.too_long)
    end
    local stop = math.min(length, range:len())
    if stop > 4 then
        local line = branch:add(f.pre_padding, range(4, 1))
        if range(4, 1):uint() ~= 0 then
            line:add_proto_expert_info(e.pre_padding)
        end
    end
    if stop > RECORD_AT then
        local octet = range(RECORD_AT, 1)
        local record = branch:add(range(RECORD_AT, stop - RECORD_AT), "DTLSCiphertext")
        record:add(f.record_length, range(RECORD_AT, stop - RECORD_AT), stop - RECORD_AT):set_generated()
        local header = record:add(f.header, octet)
        for _, bit_field in ipairs({ f.form, f.cid, f.long_number, f.has_length, f.epoch_bits }) do
            header:add(bit_field, octet)
        end
        if octet:bitfield(0, 6) ~= 10 then
            header:add_proto_expert_info(e.form)
        end
        if stop >= CIPHERTEXT_AT then
            record:add(f.number, range(RECORD_AT + 1, 2))
        end
        if stop > CIPHERTEXT_AT then
            record:add(f.ciphertext, range(CIPHERTEXT_AT, stop - CIPHERTEXT_AT))
        end
        local text = string.format("epoch bits %d%s", octet:bitfield(6, 2), restart and ", restart" or "")
        branch:append_text(", " .. text)
        pinfo.cols.info:append("DTLS chunk (" .. text .. ") ")
    end
    local padding = chunk.padding
    if padding then
        local line = branch:add(f.post_padding, padding)
        if not all_zero(padding) then
            line:add_proto_expert_info(e.post_padding)
        end
    end
    if chunk.padding_missing and packet.whole then
        branch:add_proto_expert_info(e.post_padding, "Post-padding is missing")
    end
    local key = direction(packet.source, packet.destination, packet.tag)
    first_protected[key] = math.min(first_protected[key] or pinfo.number, pinfo.number)
end

-- The packet's chunks in order; the last one may be longer than the octets that are there.
local function read_packet(range)
    local packet = {
        source = range(0, 2):uint(), destination = range(2, 2):uint(), tag = range(4, 4):uint(), chunks = {},
    }
    local at = COMMON_HEADER
    while at + CHUNK_HEADER <= range:len() do
        local length = range(at + 2, 2):uint()
        local present = math.min(math.max(length, CHUNK_HEADER), range:len() - at)
        local chunk = { kind = range(at, 1):uint(), range = range(at, present) }
        packet.chunks[#packet.chunks + 1] = chunk
        local padding = math.min((-length) % 4, range:len() - at - present)
        if padding > 0 then
            chunk.padding = range(at + present, padding)
        end
        chunk.padding_missing = present == length and padding < (-length) % 4
        if length < CHUNK_HEADER or at + length > range:len() then
            packet.bad_length = length < CHUNK_HEADER
            break
        end
        at = at + length + padding
    end
    return packet
end

-- A packet that decrypt-capture has opened, or the gateway before it was captured in plain, says so in
-- its comment. The gateway does not tell the record's number.
local function opened_beforehand()
    for _, comment in ipairs({ comment_field() }) do
        local text = tostring(comment.value)
        local epoch, role, number = text:match("^decrypted DTLS chunk: epoch (%d+), (%a+), record number (%d+)")
        if not epoch then
            epoch, role = text:match("^plain: came in a DTLS chunk, epoch (%d+), (%a+)")
        end
        if epoch then
            return epoch, role, number
        end
    end
end

local function dissect_opened(tree, epoch, role, number)
    tree:add(f.opened_epoch, tonumber(epoch)):set_generated()
    tree:add(f.opened_role, role):set_generated()
    if not number then
        return
    end
    number = tonumber(number)
    tree:add(f.opened_number, UInt64.new(number % 2 ^ 32, math.floor(number / 2 ^ 32))):set_generated()
end

local function is_ours(packet)
    for _, chunk in ipairs(packet.chunks) do
        if chunk.kind == CHUNK_DTLS then
            return true
        end
        local mine = false
        local fixed = CHUNKS_WITH_PARAMETERS[chunk.kind]
        if fixed and chunk.range:len() > fixed then
            each_item(chunk.range(fixed), function(kind) mine = mine or kind == PARAMETER end)
        elseif (chunk.kind == CHUNK_ABORT or chunk.kind == CHUNK_ERROR) and chunk.range:len() > CHUNK_HEADER then
            each_item(chunk.range(CHUNK_HEADER), function(kind) mine = mine or CAUSES[kind] ~= nil end)
        end
        if mine then
            return true
        end
    end
    return false
end

local function dissect_packet(range, pinfo, root)
    local packet = read_packet(range)
    packet.whole = captured_length().value == frame_length().value -- else the capture cut it
    local key = direction(packet.source, packet.destination, packet.tag)
    local epoch, role, number = opened_beforehand()
    local in_clear = #packet.chunks > 0 and not epoch
    for _, chunk in ipairs(packet.chunks) do
        in_clear = in_clear and chunk.kind ~= CHUNK_DTLS and chunk.kind ~= CHUNK_INIT and chunk.kind ~= CHUNK_INIT_ACK
    end
    in_clear = in_clear and first_protected[key] ~= nil and first_protected[key] < pinfo.number
    if not in_clear and not epoch and not is_ours(packet) then
        return
    end
    local tree = root:add(proto, range)
    if epoch then
        dissect_opened(tree, epoch, role, number)
    end
    if in_clear then
        tree:add_proto_expert_info(e.clear)
    end
    if packet.bad_length then
        tree:add_proto_expert_info(e.chunk_length)
    end
    for _, chunk in ipairs(packet.chunks) do
        local fixed = CHUNKS_WITH_PARAMETERS[chunk.kind]
        if chunk.kind == CHUNK_DTLS then
            dissect_dtls_chunk(chunk, packet, tree, pinfo)
        elseif fixed and chunk.range:len() > fixed then
            if fixed == INIT_FIXED then
                dissect_negotiation(chunk, packet, tree)
            else
                dissect_parameters(chunk, tree)
            end
        elseif (chunk.kind == CHUNK_ABORT or chunk.kind == CHUNK_ERROR) and chunk.range:len() > CHUNK_HEADER then
            dissect_causes(chunk, tree)
        end
    end
end

function proto.dissector(_, pinfo, root)
    if icmp_field() or icmpv6_field() then
        return -- quotes a part of somebody's packet
    end
    -- Behind a DATA chunk Wireshark goes on in another item, so a packet is all items from one with ports on.
    local starts, packets = {}, {}
    for _, port in ipairs({ port_field() }) do
        starts[port.offset] = true
    end
    for _, item in ipairs({ sctp_field() }) do
        local stop = item.offset + item.len
        if starts[item.offset] then
            packets[#packets + 1] = { source = item.source, from = item.offset, stop = stop }
        elseif #packets > 0 then
            packets[#packets].stop = math.max(packets[#packets].stop, stop)
        end
    end
    for _, one in ipairs(packets) do
        local length = math.min(one.stop, one.source:len()) - one.from
        if length > COMMON_HEADER then
            dissect_packet(one.source:range(one.from, length), pinfo, root)
        end
    end
end

register_postdissector(proto)
-- A listener with a filter: without one Wireshark makes no trees, hence no fields, when it first reads a
-- capture, and what INIT, INIT ACK and the first DTLS chunks told would not be there later.
Listener.new("frame", "sctp")
