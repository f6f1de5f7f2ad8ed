// The IPsec-MB library: its header without the short macro names, and its function tables.
//
// Internal to dataplane/record.
#pragma once

#ifndef NO_COMPAT_IMB_API_053
#define NO_COMPAT_IMB_API_053  // keeps the names of old versions (ECB, AVX, ...) out
#endif
#include <intel-ipsec-mb.h>

#include <memory>

#include "dataplane/record/architecture.h"
#include "foundation/result.h"

namespace sdg::record {

struct FreeIpsecMb {
    void operator()(IMB_MGR* library) const noexcept;
};
using IpsecMb = std::unique_ptr<IMB_MGR, FreeIpsecMb>;

// A job queue of one thread. Errors: unavailable (architecture), resource_exhausted.
[[nodiscard]] Result<IpsecMb> make_ipsec_mb(Architecture architecture);

// The constant function table of an architecture, for everything that needs no queue: key
// expansion and the direct calls. Any thread; lives as long as the process. Null when the processor
// lacks the architecture.
[[nodiscard]] const IMB_MGR* direct_functions(Architecture architecture);

}  // namespace sdg::record
