// How the kernel shares a CPU between this process and others on it.
#pragma once

namespace sdg {

// Asks for turns of 0.1 ms, the shortest there are, instead of the kernel's 3 ms or so, for the
// calling thread and those it starts from then on. A poller that is never idle, as in a flood, then
// holds nobody on its CPU for longer, and gets its own turn as soon. The share of the CPU stays the
// same, and alone on its CPU nothing changes. Only for the ordinary policy (SCHED_OTHER), whose
// value (nice) is kept. Kernels before 6.12 have no such wish and take no notice; whatever else
// fails changes nothing. To be called before a system call filter is in place.
void take_short_turns();

}  // namespace sdg
