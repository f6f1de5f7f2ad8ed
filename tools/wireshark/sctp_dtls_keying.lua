-- Wireshark plugin: key-management messages of the DTLS chunk, SCTP user messages with PPID 4242.
--
-- Method 192 (draft-porfiri-tsvwg-sctp-dtls-handshake): T bit and epoch, then whole TLS records, which
-- go to Wireshark's TLS dissector, or a control message. Method 1 (RFC 9147 over SCTP): DTLS 1.3
-- records, of which those in clear go to Wireshark's DTLS dissector. Which of the two it is comes from
-- INIT and INIT ACK (sctp_dtls_chunk.lua, loaded beside this file), else from the octets; a preference
-- overrides both.

local PPID = 4242
local TLS_HEADER, CLEAR_HEADER, HANDSHAKE_HEADER = 5, 13, 12
local HANDSHAKE, ACK = 22, 26
local METHOD_TLS, METHOD_DTLS = 192, 1

local CONTENT_TYPES = {
    [20] = "Change Cipher Spec", [21] = "Alert", [22] = "Handshake", [23] = "Application Data",
    [25] = "tls12_cid", [26] = "ACK",
}
local HANDSHAKE_TYPES = {
    [1] = "Client Hello", [2] = "Server Hello", [4] = "New Session Ticket", [8] = "Encrypted Extensions",
    [11] = "Certificate", [13] = "Certificate Request", [15] = "Certificate Verify", [20] = "Finished",
    [24] = "Key Update",
}
local CONTROL_TYPES = { [1] = "Protection Established" }

local proto = Proto("sctp_dtls_km", "SCTP DTLS Key Management")
local SET = { "Set", "Not set" }
local f = {
    method = ProtoField.uint8("sctp_dtls_km.method", "Key-management method"),
    control = ProtoField.bool("sctp_dtls_km.control", "T (control message)", 8, SET, 0x80),
    epoch_bits = ProtoField.uint8("sctp_dtls_km.epoch_bits", "Epoch, low seven bits", base.DEC, nil, 0x7f),
    control_type = ProtoField.uint8("sctp_dtls_km.control_type", "Control message", base.DEC, CONTROL_TYPES),
    type = ProtoField.uint8("sctp_dtls_km.record.type", "Content type", base.DEC, CONTENT_TYPES),
    version = ProtoField.uint16("sctp_dtls_km.record.version", "Legacy version", base.HEX),
    epoch = ProtoField.uint16("sctp_dtls_km.record.epoch", "Epoch"),
    number = ProtoField.uint64("sctp_dtls_km.record.number", "Sequence number"),
    length = ProtoField.uint16("sctp_dtls_km.record.length", "Length"),
    fragment = ProtoField.bytes("sctp_dtls_km.record.fragment", "Fragment"),
    header = ProtoField.uint8("sctp_dtls_km.record.header", "Unified header", base.HEX),
    cid = ProtoField.bool("sctp_dtls_km.record.cid", "C (connection ID)", 8, SET, 0x10),
    long_number = ProtoField.bool("sctp_dtls_km.record.long_number", "S (16-bit record number)", 8, SET, 0x08),
    has_length = ProtoField.bool("sctp_dtls_km.record.has_length", "L (length)", 8, SET, 0x04),
    record_epoch = ProtoField.uint8("sctp_dtls_km.record.epoch_bits", "Epoch, low two bits", base.DEC, nil, 0x03),
    encrypted_number = ProtoField.bytes("sctp_dtls_km.record.encrypted_number", "Record number (encrypted)"),
    ciphertext = ProtoField.bytes("sctp_dtls_km.record.ciphertext", "Encrypted record and tag"),
    message = ProtoField.uint8("sctp_dtls_km.handshake.type", "Handshake message", base.DEC, HANDSHAKE_TYPES),
    message_length = ProtoField.uint24("sctp_dtls_km.handshake.length", "Message length"),
    message_number = ProtoField.uint16("sctp_dtls_km.handshake.message_seq", "Message sequence number"),
    fragment_offset = ProtoField.uint24("sctp_dtls_km.handshake.fragment_offset", "Fragment offset"),
    fragment_length = ProtoField.uint24("sctp_dtls_km.handshake.fragment_length", "Fragment length"),
    acked_epoch = ProtoField.uint64("sctp_dtls_km.ack.epoch", "Acknowledged epoch"),
    acked_number = ProtoField.uint64("sctp_dtls_km.ack.number", "Acknowledged sequence number"),
    other = ProtoField.bytes("sctp_dtls_km.other", "Octets that belong to no record"),
}
proto.fields = f
proto.prefs.method = Pref.enum("Method of PPID 4242", 0,
    "Which key-management method the messages belong to when INIT and INIT ACK are not to decide",
    { { 1, "by INIT and INIT ACK, else by content", 0 }, { 2, "192, TLS 1.3", METHOD_TLS },
      { 3, "1, DTLS 1.3", METHOD_DTLS } })

local function expert(name, text, group, severity)
    return ProtoExpert.new("sctp_dtls_km.expert." .. name, text, group, severity)
end
local e = {
    empty = expert("empty", "Too short for a key-management message", PI_MALFORMED, PI_ERROR),
    unknown = expert("unknown", "Neither whole TLS records (method 192) nor DTLS records (method 1)", PI_MALFORMED, PI_ERROR),
    control = expert("control", "Unknown control message", PI_PROTOCOL, PI_ERROR),
    control_data = expert("control_data", "Protection Established has no body", PI_PROTOCOL, PI_ERROR),
    not_whole = expert("not_whole", "Not made of whole records", PI_MALFORMED, PI_ERROR),
    handshake = expert("handshake", "Handshake header does not fit its record", PI_MALFORMED, PI_ERROR),
    ack = expert("ack", "ACK is not a list of record numbers", PI_MALFORMED, PI_ERROR),
    none = expert("none", "The agreed method has no messages", PI_PROTOCOL, PI_WARN),
    no_handover = expert("no_handover", "Wireshark's own dissector could not read these records", PI_UNDECODED, PI_NOTE),
}
local all_experts = {}
for _, one in pairs(e) do
    all_experts[#all_experts + 1] = one
end
proto.experts = all_experts

local tag_field = Field.new("sctp.verification_tag")

-- Octets of the TLS record at offset, nil when it is not one or not whole.
local function tls_record(tvb, at)
    if at + TLS_HEADER > tvb:len() then
        return nil
    end
    local kind, length = tvb(at, 1):uint(), tvb(at + 3, 2):uint()
    if kind < 20 or kind > 23 or tvb(at + 1, 1):uint() ~= 3 or at + TLS_HEADER + length > tvb:len() then
        return nil
    end
    return TLS_HEADER + length
end

-- The same for a DTLSPlaintext or a DTLSCiphertext record; the second result says which.
local function dtls_record(tvb, at)
    local left = tvb:len() - at
    if left < 1 then
        return nil
    end
    local first = tvb(at, 1)
    if first:bitfield(0, 3) == 1 then
        local header = 1 + (first:bitfield(4, 1) == 1 and 2 or 1)
        if first:bitfield(3, 1) == 1 then
            return nil -- a connection ID, whose length only the handshake knows
        end
        if first:bitfield(5, 1) == 0 then
            return left > header and left or nil, "ciphertext", header
        end
        if left < header + 2 or left < header + 2 + tvb(at + header, 2):uint() then
            return nil
        end
        return header + 2 + tvb(at + header, 2):uint(), "ciphertext", header
    end
    local kind = first:uint()
    if left < CLEAR_HEADER or not CONTENT_TYPES[kind] or tvb(at + 1, 1):uint() ~= 0xfe then
        return nil
    end
    local length = CLEAR_HEADER + tvb(at + 11, 2):uint()
    return length <= left and length or nil, "plaintext", CLEAR_HEADER
end

-- Whether records fill everything from offset on.
local function filled(tvb, at, record)
    if at >= tvb:len() then
        return false
    end
    while at < tvb:len() do
        local length = record(tvb, at)
        if not length then
            return false
        end
        at = at + length
    end
    return true
end

local function method_of(tvb, pinfo)
    if proto.prefs.method ~= 0 then
        return proto.prefs.method
    end
    local tag = tag_field()
    local look_up = _G.sctp_dtls_agreed_method
    local agreed = tag and look_up and look_up(pinfo.src_port, pinfo.dst_port, tag.value)
    if agreed then
        return agreed
    end
    if filled(tvb, 0, dtls_record) then
        return METHOD_DTLS
    end
    local control = tvb(0, 1):bitfield(0, 1) == 1
    return (control and tvb:len() == 2 or not control and filled(tvb, 1, tls_record)) and METHOD_TLS or nil
end

-- Wireshark's own dissector may give up on a record; that is a note here, never an error of the plugin.
local function hand_over(name, range, pinfo, tree)
    local found, dissector = pcall(Dissector.get, name)
    if not found or not dissector or not pcall(dissector.call, dissector, range:tvb(), pinfo, tree) then
        tree:add_proto_expert_info(e.no_handover)
    end
end

local function content_name(kind)
    return CONTENT_TYPES[kind] or ("type " .. kind)
end

local function dissect_method_192(tvb, pinfo, tree, root)
    local first = tvb(0, 1)
    tree:add(f.control, first)
    tree:add(f.epoch_bits, first)
    local epoch = first:bitfield(1, 7)
    if first:bitfield(0, 1) == 1 then
        if tvb:len() < 2 then
            tree:add_proto_expert_info(e.empty)
            return
        end
        local kind = tvb(1, 1):uint()
        local line = tree:add(f.control_type, tvb(1, 1))
        pinfo.cols.info:append(string.format("%s (keys of epoch bits %d) ",
            CONTROL_TYPES[kind] or "Unknown control message", epoch))
        if not CONTROL_TYPES[kind] then
            line:add_proto_expert_info(e.control)
        elseif tvb:len() > 2 then
            line:add_proto_expert_info(e.control_data)
        end
        return
    end
    local at = 1
    while at < tvb:len() do
        local length = tls_record(tvb, at)
        if not length then
            break
        end
        local branch = tree:add(tvb(at, length), "TLS record: " .. content_name(tvb(at, 1):uint()))
        branch:add(f.type, tvb(at, 1))
        branch:add(f.version, tvb(at + 1, 2))
        branch:add(f.length, tvb(at + 3, 2))
        at = at + length
    end
    if at < tvb:len() then
        tree:add(f.other, tvb(at)):add_proto_expert_info(e.not_whole)
    elseif at == 1 then
        tree:add_proto_expert_info(e.empty)
    end
    if at > 1 then
        hand_over("tls", tvb(1, at - 1), pinfo, root)
    end
    pinfo.cols.info:append(string.format(" (keys of epoch bits %d) ", epoch))
end

local function dissect_handshake(range, tree)
    local at = 0
    while at < range:len() do
        if at + HANDSHAKE_HEADER > range:len() then
            tree:add_proto_expert_info(e.handshake)
            return
        end
        local length = range(at + 9, 3):uint()
        local branch = tree:add(f.message, range(at, 1))
        branch:add(f.message_length, range(at + 1, 3))
        branch:add(f.message_number, range(at + 4, 2))
        branch:add(f.fragment_offset, range(at + 6, 3))
        branch:add(f.fragment_length, range(at + 9, 3))
        if range(at + 6, 3):uint() + length > range(at + 1, 3):uint() or at + HANDSHAKE_HEADER + length > range:len() then
            branch:add_proto_expert_info(e.handshake)
            return
        end
        at = at + HANDSHAKE_HEADER + length
    end
end

local function dissect_ack(range, tree)
    if range:len() < 2 or range(0, 2):uint() ~= range:len() - 2 or (range:len() - 2) % 16 ~= 0 then
        tree:add_proto_expert_info(e.ack)
        return
    end
    for at = 2, range:len() - 16, 16 do
        tree:add(f.acked_epoch, range(at, 8))
        tree:add(f.acked_number, range(at + 8, 8))
    end
end

local function dissect_clear_record(range, pinfo, tree, root)
    local kind = range(0, 1):uint()
    tree:add(f.type, range(0, 1))
    tree:add(f.version, range(1, 2))
    tree:add(f.epoch, range(3, 2))
    tree:add(f.number, range(5, 6))
    tree:add(f.length, range(11, 2))
    if range:len() > CLEAR_HEADER then
        local fragment = range(CLEAR_HEADER)
        tree:add(f.fragment, fragment)
        if kind == HANDSHAKE then
            dissect_handshake(fragment, tree)
        elseif kind == ACK then
            dissect_ack(fragment, tree)
        end
    elseif kind == HANDSHAKE or kind == ACK then
        tree:add_proto_expert_info(kind == ACK and e.ack or e.handshake)
    end
    if kind ~= ACK then
        hand_over("dtls", range, pinfo, root)
    end
    return content_name(kind)
end

local function dissect_method_1(tvb, pinfo, tree, root)
    local at, names = 0, {}
    while at < tvb:len() do
        local length, form, header = dtls_record(tvb, at)
        if not length then
            tree:add(f.other, tvb(at)):add_proto_expert_info(e.not_whole)
            break
        end
        local range = tvb(at, length)
        if form == "plaintext" then
            local branch = tree:add(range, "DTLSPlaintext")
            names[#names + 1] = dissect_clear_record(range, pinfo, branch, root)
            branch:append_text(": " .. names[#names])
        else
            local branch = tree:add(range, "DTLSCiphertext")
            local bits = branch:add(f.header, range(0, 1))
            for _, bit_field in ipairs({ f.cid, f.long_number, f.has_length, f.record_epoch }) do
                bits:add(bit_field, range(0, 1))
            end
            branch:add(f.encrypted_number, range(1, header - 1))
            local body = header
            if range(0, 1):bitfield(5, 1) == 1 then
                branch:add(f.length, range(header, 2))
                body = header + 2
            end
            if length > body then
                branch:add(f.ciphertext, range(body))
            end
            names[#names + 1] = "encrypted record of epoch bits " .. range(0, 1):bitfield(6, 2)
        end
        at = at + length
    end
    pinfo.cols.info:append(table.concat(names, ", ") .. " ")
end

function proto.dissector(tvb, pinfo, root)
    if tvb:len() == 0 then
        return 0
    end
    pinfo.cols.protocol = "SCTP-DTLS-KM"
    local tree = root:add(proto, tvb())
    local method = method_of(tvb, pinfo)
    if method then
        tree:add(f.method, method):set_generated()
    end
    if method == METHOD_TLS then
        dissect_method_192(tvb, pinfo, tree, root)
    elseif method == METHOD_DTLS then
        dissect_method_1(tvb, pinfo, tree, root)
    else
        tree:add(f.other, tvb()):add_proto_expert_info(method and e.none or e.unknown)
    end
    return tvb:len()
end

DissectorTable.get("sctp.ppi"):add(PPID, proto)
