// The measured loops written in C, to be compared with, and what the suite needs from below Swift.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// What one receiver measured between the end of its warm-up and the end of its window.
struct ctwins_reception {
    uint64_t messages;
    uint64_t frames;
    uint64_t reads;          // turns of the loop that brought bytes
    uint64_t sum;            // of all tokens: keeps the decoding from being optimised away, and checks it
    int64_t wall_nanoseconds;
    int64_t cpu_nanoseconds; // of the whole process, user and system
    uint64_t loop_allocations;
    uint64_t other_allocations;
};

// Listens on `tcp://127.0.0.1:0`, calls `listening` with the port, takes one link and measures it. 0 or an nng error.
int ctwins_receive_frames(int64_t warm_up_nanoseconds, int64_t window_nanoseconds, void (*listening)(int port), struct ctwins_reception *result);

// Dials the port and floods the link with batches of `frames` frames until the peer closes it. 0 or an nng error.
int ctwins_send_frames(int port, int frames);

// What came over a plain socket in a window.
struct ctwins_copy {
    uint64_t bytes;
    int64_t wall_nanoseconds;
    int64_t cpu_nanoseconds;
};

// Listens on loopback, calls `listening` with the port, takes one connection and measures it. 0 or an errno.
int ctwins_receive_copy(int64_t warm_up_nanoseconds, int64_t window_nanoseconds, void (*listening)(int port), struct ctwins_copy *result);

// Connects to the port and writes until the peer closes it. 0 or an errno.
int ctwins_send_copy(int port);

// This process ends when the one that started it does, however that ends.
void ctwins_end_with_parent(void);

// CPU time of the process, user and system.
int64_t ctwins_cpu_nanoseconds(void);
int64_t ctwins_monotonic_nanoseconds(void);

// Allocations are counted in this process while counting is on: those of threads that called `ctwins_watch_this_thread`, and all others.
struct ctwins_allocations {
    uint64_t watched;
    uint64_t other;
};
void ctwins_watch_this_thread(void);
void ctwins_count_allocations(bool on);
struct ctwins_allocations ctwins_allocations(void);
// The next allocation of the watched thread that is counted ends the process with a core, so that a debugger shows who made it.
void ctwins_trap_on_allocation(bool on);

// Calls `body`. Under callgrind only what runs inside is collected: `--toggle-collect=ctwins_collect`.
void ctwins_collect(void (*body)(void *), void *context);

// Decodes every frame of a token batch (what follows the header) and adds up its tokens, with the checks of `TokenBatchCursor`. False: refused.
bool ctwins_decode_batch(const uint8_t *body, uint64_t count, uint64_t *frames, uint64_t *sum);

// The process group does not outlive this process, should a signal end it. False: there are too many.
bool ctwins_guard_group(int group);
void ctwins_release_group(int group);
