// XXH3 for block hashes and checksums, inlined into its callers.
#pragma once
#include <stddef.h>
#include <stdint.h>

uint64_t apus_xxh3_64(const void *bytes, size_t count, uint64_t seed);
