// Any octets as a DTLS Key Management parameter, as a list of parameters that may contain it, and
// as the methods of one that we make.
#include <algorithm>

#include "dataplane/packet/key_management_parameter.h"
#include "tests/fuzz/packet/require.h"

using sdg::fuzz::require;
using namespace sdg::packet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto parameter = KeyManagementParameter::parse({data, size});
    if (!parameter) {
        require(description(parameter.error()) != "unknown");
    } else {
        // As on the wire, padding excluded.
        require(parameter->length() <= size && size < parameter->length() + 4);
        require(std::ranges::equal(parameter->wire(), std::span(data, parameter->length())));
        require(!parameter->methods().empty() && parameter->lists(parameter->methods().back()));
        require(*KeyManagementParameter::parse(parameter->wire()) == *parameter);
        const auto made = KeyManagementParameter::create(parameter->tie_breaker(),
                                                         parameter->flags(), parameter->methods());
        require(made && made->length() == parameter->length() &&
                made->flags() == parameter->flags());
    }
    const auto found = KeyManagementParameter::find_in(ParameterCursor({data, size}));
    require(found || description(found.error()) != "unknown");

    const auto offered = KeyManagementParameter::create(7, kKmFlagServer, {data, size});
    require(offered.has_value() == (size > 0 && size <= KeyManagementParameter::kMaxMethods));
    if (offered) {
        require(std::ranges::equal(offered->methods(), std::span(data, size)));
        require(offered->server() && !offered->client() && !offered->restart());
        require(*KeyManagementParameter::parse(offered->wire()) == *offered);
    } else {
        require(description(offered.error()) != "unknown");
    }
    return 0;
}
