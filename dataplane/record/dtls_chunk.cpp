#include "dataplane/record/dtls_chunk.h"

namespace sdg::record {
std::string_view description(DtlsChunkError error) {
    switch (error) {
        case DtlsChunkError::wrong_type:
            return "not a DTLS chunk";
        case DtlsChunkError::too_short:
            return "no room for the record's header, content type and tag";
        case DtlsChunkError::length_mismatch:
            return "chunk length contradicts the octets there are";
        case DtlsChunkError::header_form:
            return "record header other than 001 C=0 S=1 L=0";
        case DtlsChunkError::too_long:
            return "record longer than 2^14 + 256 octets";
    }
    return "unknown";
}

}  // namespace sdg::record
