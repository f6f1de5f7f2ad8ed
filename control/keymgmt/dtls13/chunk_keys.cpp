#include "control/keymgmt/dtls13/chunk_keys.h"

namespace sdg::keymgmt::dtls13 {

using tls13::ExportDirection;
using tls13::ExportKind;

Result<record::KeyMaterial> export_chunk_keys(const Connection& connection, uint64_t epoch,
                                              Role sender, tls13::ExportRole role,
                                              View client_parameter, View server_parameter) {
    record::KeyMaterial out;
    out.suite = connection.negotiated().suite;
    const record::SuiteTraits& suite = *record::traits(out.suite);
    const auto one = [&](ExportKind kind, SecretBytes& to) -> Result<void> {
        const auto context = tls13::export_context(
            {.direction = sender == Role::client ? ExportDirection::client_write
                                                 : ExportDirection::server_write,
             .role = role,
             .kind = kind,
             .client_parameter = client_parameter,
             .server_parameter = server_parameter});
        auto made = connection.export_of_epoch(epoch, kChunkKeyLabel, context,
                                               tls13::export_length(suite, kind));
        if (!made) {
            return tl::unexpected(made.error());
        }
        to = std::move(*made);
        return {};
    };
    for (const auto& [kind, to] :
         {std::pair{ExportKind::key, &out.key}, std::pair{ExportKind::sn_key, &out.sn_key},
          std::pair{ExportKind::iv, &out.iv}}) {
        if (auto done = one(kind, *to); !done) {
            return tl::unexpected(done.error());
        }
    }
    return out;
}

}  // namespace sdg::keymgmt::dtls13
