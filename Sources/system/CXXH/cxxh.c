// Debian's libxxhash-dev is used header-only: nothing to link at run time.
#define XXH_INLINE_ALL
#include "cxxh.h"
#include <xxhash.h>

uint64_t apus_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

void apus_xxh3_chain(const void *blocks, size_t width, size_t stride, size_t count, uint64_t seed, uint64_t chain_seed,
                     const uint64_t *previous, uint64_t *chain) {
    // What a seed stands for is made once: for each block it would be a fifth of the work.
    unsigned char secret[XXH3_SECRET_DEFAULT_SIZE];
    XXH3_generateSecret_fromSeed(secret, seed);
    for (size_t block = 0; block < count; block++) {
        uint64_t own = XXH3_64bits_withSecretandSeed((const char *)blocks + block * stride, width, secret, sizeof secret, seed);
        if (previous) {
            uint64_t pair[2] = {*previous, own};
            own = XXH3_64bits_withSeed(pair, sizeof pair, chain_seed);
        }
        chain[block] = own;
        previous = &chain[block];
    }
}
