// Every code point of the DTLS chunk work in one place: all are temporary registrations or not
// assigned yet (draft-ietf-tsvwg-sctp-dtls-chunk, IANA considerations), and of SCTP itself
// (RFC 9260) those that the gateway reads or writes.
#pragma once

#include <cstdint>

namespace sdg::packet {

// draft-ietf-tsvwg-sctp-dtls-chunk
inline constexpr uint8_t kChunkDtls = 0x41;
inline constexpr uint8_t kDtlsFlagRestart = 0x01;
inline constexpr uint16_t kParameterKeyManagement = 0x8006;
inline constexpr uint8_t kKmFlagRestart = 0x04;
inline constexpr uint8_t kKmFlagServer = 0x02;
inline constexpr uint8_t kKmFlagClient = 0x01;
inline constexpr uint32_t kPpidKeyManagement = 4242;
inline constexpr uint16_t kCauseMissingDtlsSupport = 100;
inline constexpr uint16_t kCauseNoCommonMethod = 101;
inline constexpr uint16_t kCauseTieBreakerCollision = 102;
inline constexpr uint16_t kCauseIncompatibleRoles = 103;
inline constexpr uint8_t kMethodPreshared = 0;
inline constexpr uint8_t kMethodDtls13 = 1;
inline constexpr uint8_t kMethodTls13 = 192;
inline constexpr uint16_t kFirstEpoch = 3;

// RFC 9260
inline constexpr uint8_t kIpProtocolSctp = 132;
inline constexpr uint8_t kChunkData = 0;
inline constexpr uint8_t kChunkInit = 1;
inline constexpr uint8_t kChunkInitAck = 2;
inline constexpr uint8_t kChunkSack = 3;
inline constexpr uint8_t kChunkHeartbeat = 4;
inline constexpr uint8_t kChunkHeartbeatAck = 5;
inline constexpr uint8_t kChunkAbort = 6;
inline constexpr uint8_t kChunkShutdown = 7;
inline constexpr uint8_t kChunkShutdownAck = 8;
inline constexpr uint8_t kChunkError = 9;
inline constexpr uint8_t kChunkCookieEcho = 10;
inline constexpr uint8_t kChunkCookieAck = 11;
inline constexpr uint8_t kChunkShutdownComplete = 14;
inline constexpr uint8_t kChunkIData = 64;  // RFC 8260
inline constexpr uint8_t kDataFlagUnordered = 0x04;
inline constexpr uint16_t kParameterStateCookie = 7;
inline constexpr uint8_t kAbortFlagTagReflected = 0x01;

}  // namespace sdg::packet
