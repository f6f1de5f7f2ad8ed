// sctp-gateway-schema: prints docs/config.md.
#include <cstdio>

#include "config/schema.h"

int main() {
    std::fputs(sdg::config::schema_page().c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}
