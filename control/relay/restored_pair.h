// A pair of a former run of the gateway, as it was stored.
#pragma once

#include <optional>

#include "control/restart/store.h"
#include "control/sctp/addressing.h"

namespace sdg::relay {

struct RestoredLeg {
    sctp::FourTuple tuple;
    // Unset: a plain leg. Deleted from the store already, so this is all there is: each context is
    // used once or not at all.
    std::optional<restart::TakenAssociation> taken;
};

// At least one leg is protected.
struct RestoredPair {
    RestoredLeg accepted;
    RestoredLeg backend;
};

}  // namespace sdg::relay
