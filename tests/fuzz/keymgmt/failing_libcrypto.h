// Lets a call of libcrypto fail, as when there is no memory: what is behind it in our code cannot
// be reached otherwise. The functions that key schedule, transcript, key exchange, signatures and
// AEAD end in are defined once more in the program and hand on to the library's; its own calls of
// them do not count.
#pragma once

namespace sdg::fuzz {

// The call after so many others, one; before that, and again after it, everything works.
void fail_libcrypto_after(unsigned calls);
void mend_libcrypto();

// As long as one of these lives calls neither count nor fail.
class LibcryptoWorks {
 public:
    LibcryptoWorks();
    ~LibcryptoWorks();
    LibcryptoWorks(const LibcryptoWorks&) = delete;
    LibcryptoWorks& operator=(const LibcryptoWorks&) = delete;
};

}  // namespace sdg::fuzz
