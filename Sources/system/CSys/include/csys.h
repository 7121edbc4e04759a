// What Swift's Glibc module does not offer, or offers with awkward types: epoll, eventfd, a thread-local pointer, clocks, random bytes.
// _GNU_SOURCE is defined in the .c file only: in this header it would redefine fd_set for the whole module.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One ready descriptor. `token` is what was given to apus_epoll_add.
struct apus_event {
    uint32_t events;
    uint64_t token;
};

enum {
    APUS_READABLE = 1,
    APUS_WRITABLE = 2,
    APUS_HANGUP = 4, // the peer has closed its side, or the descriptor is in error
};

int apus_epoll_create(void);
// Add, change or remove; 0 or -errno.
int apus_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token);
int apus_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token);
int apus_epoll_remove(int epoll, int descriptor);
// Waits at most `microseconds` (negative: for ever); the number of events, or -errno.
int apus_epoll_wait(int epoll, struct apus_event *events, int capacity, int64_t microseconds);

int apus_eventfd_create(void);
void apus_eventfd_signal(int descriptor);
void apus_eventfd_clear(int descriptor);

int64_t apus_monotonic_nanoseconds(void);
int64_t apus_wall_milliseconds(void);
// Fills from the kernel's generator; 0 or -errno.
int apus_random_bytes(void *bytes, size_t count);

// The loop that owns the calling thread, or NULL.
void *apus_current_loop(void);
void apus_set_current_loop(void *loop);

void apus_name_thread(const char *name);
