// Debian's libxxhash-dev is used header-only: nothing to link at run time.
#define XXH_INLINE_ALL
#include "cxxh.h"
#include <xxhash.h>

uint64_t apus_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
