#include "dataplane/record/architecture.h"

#include <array>
#include <vector>

#include "dataplane/record/ipsec_mb.h"

namespace sdg::record {
namespace {

constexpr std::array kAll{Architecture::best, Architecture::sse, Architecture::avx,
                          Architecture::avx2, Architecture::avx512};

uint64_t needed_features(Architecture architecture) {
    switch (architecture) {
        case Architecture::best:
        case Architecture::sse:
            return IMB_CPUFLAGS_SSE;
        case Architecture::avx:
            return IMB_CPUFLAGS_AVX;
        case Architecture::avx2:
            return IMB_CPUFLAGS_AVX2;
        case Architecture::avx512:
            return IMB_CPUFLAGS_AVX512;
    }
    return ~uint64_t{0};
}

void initialise(IMB_MGR* library, Architecture architecture) {
    switch (architecture) {
        case Architecture::best:
            init_mb_mgr_auto(library, nullptr);
            break;
        case Architecture::sse:
            init_mb_mgr_sse(library);
            break;
        case Architecture::avx:
            init_mb_mgr_avx(library);
            break;
        case Architecture::avx2:
            init_mb_mgr_avx2(library);
            break;
        case Architecture::avx512:
            init_mb_mgr_avx512(library);
            break;
    }
}

}  // namespace

std::string_view name(Architecture architecture) {
    switch (architecture) {
        case Architecture::best:
            return "best";
        case Architecture::sse:
            return "sse";
        case Architecture::avx:
            return "avx";
        case Architecture::avx2:
            return "avx2";
        case Architecture::avx512:
            return "avx512";
    }
    return "unknown";
}

std::span<const Architecture> supported_architectures() {
    static const std::vector<Architecture> found = [] {
        std::vector<Architecture> result;
        for (const Architecture architecture : kAll) {
            if (architecture != Architecture::best && direct_functions(architecture) != nullptr) {
                result.push_back(architecture);
            }
        }
        return result;
    }();
    return found;
}

void FreeIpsecMb::operator()(IMB_MGR* library) const noexcept {
    free_mb_mgr(library);
}

Result<IpsecMb> make_ipsec_mb(Architecture architecture) {
    IpsecMb library{alloc_mb_mgr(0)};
    if (library == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no memory for the cipher library");
    }
    const uint64_t needed = needed_features(architecture);
    if ((library->features & needed) != needed) {
        return fail(ErrorCode::unavailable, "this processor lacks what {} ciphers need",
                    name(architecture));
    }
    initialise(library.get(), architecture);
    if (imb_get_errno(library.get()) != 0) {
        return fail(ErrorCode::unavailable, "cipher library: {}",
                    imb_get_strerror(imb_get_errno(library.get())));
    }
    return library;
}

const IMB_MGR* direct_functions(Architecture architecture) {
    static const std::array<IpsecMb, kAll.size()> tables = [] {
        std::array<IpsecMb, kAll.size()> made;
        for (size_t i = 0; i < kAll.size(); ++i) {
            if (auto library = make_ipsec_mb(kAll[i])) {
                made[i] = std::move(*library);
            }
        }
        return made;
    }();
    return tables[static_cast<size_t>(architecture)].get();
}

}  // namespace sdg::record
