// malloc and its kin, counted. Defined in the executable they take the place of the C library's for every library in the process.
#define _GNU_SOURCE
#include "ctwins.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

// In the executable's own block of thread-locals: reading it never allocates.
static __thread bool is_watched __attribute__((tls_model("initial-exec")));
static atomic_bool is_counting;
static atomic_bool traps;
static atomic_uint_fast64_t watched, other;

static inline void note(void) {
    if (__builtin_expect(!atomic_load_explicit(&is_counting, memory_order_relaxed), 1)) return;
    if (!is_watched) {
        atomic_fetch_add_explicit(&other, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&watched, 1, memory_order_relaxed);
    if (atomic_load_explicit(&traps, memory_order_relaxed)) __builtin_trap();
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    note();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    note();
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *made = __libc_memalign(alignment, size);
    if (!made) return ENOMEM;
    *result = made;
    return 0;
}

void free(void *pointer) { __libc_free(pointer); }

void ctwins_watch_this_thread(void) { is_watched = true; }

void ctwins_count_allocations(bool on) { atomic_store(&is_counting, on); }

void ctwins_trap_on_allocation(bool on) { atomic_store(&traps, on); }

struct ctwins_allocations ctwins_allocations(void) {
    return (struct ctwins_allocations){.watched = atomic_load(&watched), .other = atomic_load(&other)};
}
