// EAL for unit tests: once per process, without hugepages, PCI or shared configuration.
#pragma once

namespace sdg::test {

// Initialises EAL on the first call (memory in MiB, without hugepages); aborts the test program
// with a clear line when it cannot.
void eal(unsigned memory_mib = 256);

}  // namespace sdg::test
