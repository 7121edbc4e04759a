// XXH3 for block hashes and checksums, inlined into its callers.
#pragma once
#include <stddef.h>
#include <stdint.h>

uint64_t apus_xxh3_64(const void *bytes, size_t count, uint64_t seed);

// Hashes `count` blocks of `width` bytes, one each `stride` bytes, and chains them behind `previous` (NULL: the first one begins the chain)
// into `chain`.
void apus_xxh3_chain(const void *blocks, size_t width, size_t stride, size_t count, uint64_t seed, uint64_t chain_seed,
                     const uint64_t *previous, uint64_t *chain);
