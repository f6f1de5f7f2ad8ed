#!/usr/bin/env python3
"""Writes ngap.yaml: the exchange that sctp-endpoint plays (see docs in endpoint/exchange_file.h).

A small aligned-PER writer (ITU-T X.691) for the handful of NGAP types (3GPP TS 38.413) the
exchange needs, plus 5GS NAS messages (TS 24.501) as octets. Values are of the test network
PLMN 208/93. Everything is deterministic: running it again gives the same file.

Usage: make_ngap.py > ngap.yaml
"""

PLMN = bytes.fromhex("02f839")
TAC = bytes.fromhex("000001")
SD = bytes.fromhex("010203")
NGAP_PPID = 60
REJECT, IGNORE = 0, 1
INITIATING, SUCCESSFUL = 0, 1


class Per:
    """Aligned PER bit writer."""

    def __init__(self):
        self.bits = []

    def put(self, value, width):
        self.bits += [(value >> (width - 1 - i)) & 1 for i in range(width)]
        return self

    def align(self):
        self.bits += [0] * (-len(self.bits) % 8)
        return self

    def octets(self, data):
        self.align()
        for octet in data:
            self.put(octet, 8)
        return self

    def done(self):
        self.align()
        text = "".join(map(str, self.bits))
        return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))

    def length(self, n):
        """Unconstrained length determinant (X.691, 11.9.3.5 to 11.9.3.7)."""
        assert n < 16384
        return self.octets(bytes([n]) if n < 128 else bytes([0x80 | n >> 8, n & 0xFF]))

    def open_octets(self, data):
        return self.length(len(data)).octets(data)

    def wide_integer(self, value, maximum_octets):
        """Constrained whole number of a range above 64K (X.691, 13.2.6 a)."""
        size = max(1, (value.bit_length() + 7) // 8)
        self.put(size - 1, (maximum_octets - 1).bit_length())
        return self.octets(value.to_bytes(size, "big"))

    def printable(self, text):
        """PrintableString (SIZE(1..150, ...))."""
        return self.put(0, 1).put(len(text) - 1, 8).octets(text.encode())

    def s_nssai(self, sst=1, sd=SD):
        """S-NSSAI: extension bit, sD present, no extensions."""
        return self.put(0b010, 3).put(sst, 8).octets(sd)

    def gtp_tunnel(self, address, teid):
        """CHOICE gTPTunnel of UPTransportLayerInformation."""
        self.put(0, 1).put(0b00, 2).put(0, 1).put(len(address) * 8 - 1, 8)
        return self.octets(address).octets(teid)


def ie(identifier, criticality, value):
    return (identifier.to_bytes(2, "big") + bytes([criticality << 6])
            + Per().open_octets(value).done())


def pdu(kind, procedure, criticality, ies):
    message = b"\x00" + len(ies).to_bytes(2, "big") + b"".join(ies)
    return bytes([kind << 5, procedure, criticality << 6]) + Per().open_octets(message).done()


# --- information elements -------------------------------------------------------------------

def amf_ue_id(ue, criticality=REJECT):
    return ie(10, criticality, Per().wide_integer(ue.amf_id, 5).done())


def ran_ue_id(ue, criticality=REJECT):
    return ie(85, criticality, Per().wide_integer(ue.ran_id, 4).done())


def nas(data, criticality=REJECT):
    return ie(38, criticality, Per().open_octets(data).done())


def user_location():
    return ie(121, IGNORE, Per().put(0b01, 2).put(0, 3).put(0, 2).octets(PLMN).align()
              .put(0x000004001, 36).put(0, 2).octets(PLMN).octets(TAC).done())


def slice_support(per):
    """SliceSupportList with one item."""
    return per.align().put(0, 16).put(0, 2).s_nssai()


def guami(per):
    return per.put(0, 2).octets(PLMN).put(0xCA, 8).put(0xFE << 2, 10).put(0, 6)


def cause_radio_network(value):
    return ie(15, IGNORE, Per().put(0, 3).put(0, 1).put(value, 6).done())


def cause_nas(value):
    return ie(15, IGNORE, Per().put(2, 3).put(0, 1).put(value, 2).done())


def cause_protocol(value):
    return ie(15, IGNORE, Per().put(3, 3).put(0, 1).put(value, 3).done())


# --- NAS ------------------------------------------------------------------------------------

def octets(text):
    return bytes.fromhex(text.replace(" ", ""))


class Ue:
    def __init__(self, number):
        self.number = number
        self.stream = number
        self.ran_id = 0x100 * (number - 1) + number
        self.amf_id = 0x10000 * (number - 1) + number
        self.uplink_count = 0
        self.downlink_count = 0

    def seeded(self, tag, size):
        """Stand-in for a RAND, AUTN, RES* or MAC: fixed, different for every UE and use."""
        state = 0x9E3779B9 * (self.number * 251 + tag) & 0xFFFFFFFF
        out = bytearray()
        for _ in range(size):
            state = (state * 1103515245 + 12345) & 0xFFFFFFFF
            out.append(state >> 16 & 0xFF)
        return bytes(out)

    def protected(self, plain, header, uplink):
        count = self.uplink_count if uplink else self.downlink_count
        if uplink:
            self.uplink_count += 1
        else:
            self.downlink_count += 1
        mac = self.seeded(0x40 + 2 * count + uplink, 4)
        return bytes([0x7E, header]) + mac + bytes([count]) + plain

    def msin(self):
        return bytes([0, 0, 0, 0, self.number << 4])

    def guti(self):
        return octets("000b f2") + PLMN + octets("ca fe00") + bytes([0xC0, 0, 0, self.number])

    def registration_request(self):
        suci = b"\x01" + PLMN + octets("f0ff 00 00") + self.msin()
        out = octets("7e 00 41 79") + len(suci).to_bytes(2, "big") + suci
        return out + octets("2e 04 f0f0f0f0")

    def authentication_request(self):
        return (octets("7e 00 56 00 02 0000 21") + self.seeded(1, 16) + octets("20 10")
                + self.seeded(2, 16))

    def authentication_response(self):
        return octets("7e 00 57 2d 10") + self.seeded(3, 16)

    def security_mode_command(self):
        return self.protected(octets("7e 00 5d 02 00 04 f0f0f0f0 e1 36 01 00"), 3, False)

    def security_mode_complete(self):
        container = self.registration_request()
        imeisv = octets("77 0009 45 73 80 61 21 85 61 51") + bytes([0xF0 | self.number])
        plain = (octets("7e 00 5e") + imeisv + b"\x71" + len(container).to_bytes(2, "big")
                 + container)
        return self.protected(plain, 4, True)

    def registration_accept(self):
        plain = (octets("7e 00 42 01 01 77") + self.guti() + octets("54 07 00") + PLMN + TAC
                 + octets("15 05 04 01 010203 21 02 0000 5e 01 06"))
        return self.protected(plain, 2, False)

    def registration_complete(self):
        return self.protected(octets("7e 00 43"), 2, True)

    def configuration_update(self):
        """With a configuration update indication that asks for an acknowledgement."""
        return self.protected(octets("7e 00 54 d1"), 2, False)

    def session_establishment_request(self):
        sm = octets("2e 01 01 c1 ffff 91 a1 28 01 00 7b 0007 80 000a00 000d00")
        plain = (octets("7e 00 67 01") + len(sm).to_bytes(2, "big") + sm
                 + octets("12 01 81 22 04 01 010203 25 09 08") + b"internet")
        return self.protected(plain, 2, True)

    def session_establishment_accept(self):
        sm = (octets("2e 01 01 c2 11 0009 01 0006 31 31 01 01 ff 01 06 06 03e8 06 03e8"
                     "29 05 01 0a3c00") + bytes([self.number])
              + octets("22 04 01 010203 79 0006 01 20 41 01 01 09 25 09 08") + b"internet")
        plain = octets("7e 00 68 01") + len(sm).to_bytes(2, "big") + sm + octets("12 01")
        return self.protected(plain, 2, False)

    def deregistration_request(self):
        return self.protected(octets("7e 00 45 01") + self.guti(), 2, True)

    def deregistration_accept(self):
        return self.protected(octets("7e 00 46"), 2, False)


# --- NGAP messages --------------------------------------------------------------------------

def ng_setup_request():
    node = Per().put(0, 2).put(0, 2).octets(PLMN).put(0, 1).put(24 - 22, 4)
    node.octets(octets("000102"))
    areas = Per().put(0, 8).put(0, 2).octets(TAC).put(0, 4).put(0, 2).octets(PLMN)
    return pdu(INITIATING, 21, REJECT, [
        ie(27, REJECT, node.done()),
        ie(82, IGNORE, Per().printable("lab-gnb-1").done()),
        ie(102, REJECT, slice_support(areas).done()),
        ie(21, IGNORE, Per().put(0, 1).put(2, 2).done())])


def ng_setup_response():
    served = Per().put(0, 8).put(0, 3)
    supported = Per().put(0, 4).put(0, 2).octets(PLMN)
    return pdu(SUCCESSFUL, 21, REJECT, [
        ie(1, REJECT, Per().printable("lab-amf").done()),
        ie(96, REJECT, guami(served).done()),
        ie(86, IGNORE, bytes([255])),
        ie(80, REJECT, slice_support(supported).done())])


def initial_ue_message(ue):
    return pdu(INITIATING, 15, IGNORE, [
        ran_ue_id(ue), nas(ue.registration_request()), user_location(),
        ie(90, IGNORE, Per().put(0, 1).put(3, 4).done()),
        ie(112, IGNORE, Per().put(0, 1).done())])


def downlink_nas(ue, data):
    return pdu(INITIATING, 4, IGNORE, [amf_ue_id(ue), ran_ue_id(ue), nas(data)])


def uplink_nas(ue, data):
    return pdu(INITIATING, 46, IGNORE, [amf_ue_id(ue), ran_ue_id(ue), nas(data),
                                        user_location()])


def initial_context_setup_request(ue):
    capabilities = Per().put(0, 2)
    for algorithms in (0xE000, 0xE000, 0xE000, 0xE000):
        capabilities.put(0, 1).put(algorithms, 16)
    return pdu(INITIATING, 14, REJECT, [
        amf_ue_id(ue), ran_ue_id(ue),
        ie(28, REJECT, guami(Per()).done()),
        ie(0, REJECT, Per().put(0, 3).put(0, 2).s_nssai().done()),
        ie(119, REJECT, capabilities.done()),
        ie(94, REJECT, ue.seeded(9, 32)),
        nas(ue.registration_accept(), IGNORE)])


def initial_context_setup_response(ue):
    return pdu(SUCCESSFUL, 14, REJECT, [amf_ue_id(ue, IGNORE), ran_ue_id(ue, IGNORE)])


def session_resource_setup_request(ue):
    tunnel = Per().gtp_tunnel(bytes([10, 60, 1, 1]), bytes([0, 0, 1, ue.number]))
    flow = (Per().put(0, 6).put(0, 3).put(0, 1).put(1, 6).put(0, 5).put(0, 2).put(0, 5).put(0, 1)
            .align().put(9, 8).put(0, 2).put(7, 4).put(0, 2).put(0, 2))
    transfer = b"\x00\x00\x03" + ie(139, REJECT, tunnel.done()) + ie(
        134, REJECT, Per().put(0, 4).done()) + ie(136, REJECT, flow.done())
    item = Per().put(0, 8).put(0b010, 3).octets(bytes([1]))
    item.open_octets(ue.session_establishment_accept()).s_nssai().open_octets(transfer)
    return pdu(INITIATING, 29, REJECT, [amf_ue_id(ue), ran_ue_id(ue), ie(74, REJECT, item.done())])


def session_resource_setup_response(ue):
    transfer = Per().put(0, 5).put(0, 2).gtp_tunnel(bytes([10, 60, 2, 1]),
                                                   bytes([0, 0, 2, ue.number]))
    transfer.put(0, 6).put(0, 3).put(0, 1).put(1, 6)
    item = Per().put(0, 8).put(0, 2).octets(bytes([1])).open_octets(transfer.done())
    return pdu(SUCCESSFUL, 29, REJECT, [amf_ue_id(ue, IGNORE), ran_ue_id(ue, IGNORE),
                                        ie(75, IGNORE, item.done())])


def error_indication(ue):
    return pdu(INITIATING, 9, IGNORE, [amf_ue_id(ue, IGNORE), ran_ue_id(ue, IGNORE),
                                       cause_protocol(4)])


def release_request(ue):
    return pdu(INITIATING, 42, IGNORE, [amf_ue_id(ue), ran_ue_id(ue), cause_radio_network(20)])


def release_command(ue):
    pair = Per().put(0, 2).put(0, 2).wide_integer(ue.amf_id, 5).wide_integer(ue.ran_id, 4)
    return pdu(INITIATING, 41, REJECT, [ie(114, REJECT, pair.done()), cause_nas(2)])


def release_complete(ue):
    return pdu(SUCCESSFUL, 41, REJECT, [amf_ue_id(ue, IGNORE), ran_ue_id(ue, IGNORE)])


def ng_reset():
    return pdu(INITIATING, 20, REJECT, [cause_radio_network(0),
                                        ie(88, REJECT, Per().put(0, 2).put(0, 1).done())])


def ng_reset_acknowledge():
    return pdu(SUCCESSFUL, 20, REJECT, [])


def exchange():
    """(name, request, answer name, answer, stream); no answer: the server transforms."""
    yield "NGSetupRequest", ng_setup_request(), "NGSetupResponse", ng_setup_response(), 0
    ues = [Ue(1), Ue(2), Ue(3)]
    steps = [
        ("InitialUEMessage/RegistrationRequest", initial_ue_message,
         "DownlinkNASTransport/AuthenticationRequest",
         lambda ue: downlink_nas(ue, ue.authentication_request())),
        ("UplinkNASTransport/AuthenticationResponse",
         lambda ue: uplink_nas(ue, ue.authentication_response()),
         "DownlinkNASTransport/SecurityModeCommand",
         lambda ue: downlink_nas(ue, ue.security_mode_command())),
        ("UplinkNASTransport/SecurityModeComplete",
         lambda ue: uplink_nas(ue, ue.security_mode_complete()),
         "InitialContextSetupRequest/RegistrationAccept", initial_context_setup_request),
        ("InitialContextSetupResponse", initial_context_setup_response, None, None),
        ("UplinkNASTransport/RegistrationComplete",
         lambda ue: uplink_nas(ue, ue.registration_complete()),
         "DownlinkNASTransport/ConfigurationUpdateCommand",
         lambda ue: downlink_nas(ue, ue.configuration_update())),
        ("UplinkNASTransport/PDUSessionEstablishmentRequest",
         lambda ue: uplink_nas(ue, ue.session_establishment_request()),
         "PDUSessionResourceSetupRequest/PDUSessionEstablishmentAccept",
         session_resource_setup_request),
        ("PDUSessionResourceSetupResponse", session_resource_setup_response, None, None),
        ("ErrorIndication", error_indication, None, None),
        ("UplinkNASTransport/DeregistrationRequest",
         lambda ue: uplink_nas(ue, ue.deregistration_request()),
         "DownlinkNASTransport/DeregistrationAccept",
         lambda ue: downlink_nas(ue, ue.deregistration_accept())),
        ("UEContextReleaseRequest", release_request, "UEContextReleaseCommand", release_command),
        ("UEContextReleaseComplete", release_complete, None, None),
    ]
    for name, request, answer_name, answer in steps:
        for ue in ues:
            suffix = f"/ue{ue.number}"
            yield (name + suffix, request(ue), answer_name and answer_name + suffix,
                   answer and answer(ue), ue.stream)
    yield "NGReset", ng_reset(), "NGResetAcknowledge", ng_reset_acknowledge(), 0


def write(name, sender, stream, data, answer):
    print(f"  - name: {name}")
    print(f"    from: {sender}")
    print(f"    stream: {stream}")
    if answer:
        print(f"    answer: {answer}")
    print(f"    hex: \"{data.hex()}\"")


def main():
    print("# NGAP (3GPP TS 38.413) between a gNB (client) and an AMF (server), with 5GS NAS inside:")
    print("# three UEs register, get a session and leave. Written by make_ngap.py; the format is")
    print("# described in endpoint/exchange_file.h.")
    print("name: ngap")
    print("port: 38412")
    print(f"ppid: {NGAP_PPID}")
    print("ordered: true")
    print("messages:")
    for name, request, answer_name, answer, stream in exchange():
        write(name, "client", stream, request, answer_name)
        if answer_name:
            write(answer_name, "server", stream, answer, None)


if __name__ == "__main__":
    main()
