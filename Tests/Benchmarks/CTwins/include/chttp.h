// An HTTP server and its load as one thread of C would write them: what HTTPServing is held against.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How a server answers a POST, and how long it is measured.
struct chttp_plan {
    int events;                  // of a stream; 0: the answer is chttp_json
    int burst;                   // events that wait on each stream in a turn
    bool gathers;                // they leave in one send, and not in one each
    int64_t pace_nanoseconds;    // between two turns that bring events; 0: every turn brings some
    int64_t warm_up_nanoseconds; // from the first connection on
    int64_t window_nanoseconds;
    uint64_t answers;            // ends after so many and whatever the time; 0: at the end of the window
};

// What a server did between the end of its warm-up and the end of its window.
struct chttp_service {
    uint64_t answers; // complete ones
    uint64_t events;
    uint64_t turns;   // of its loop
    int64_t wall_nanoseconds;
    int64_t cpu_nanoseconds; // of the whole process, user and system
    uint64_t loop_allocations;
    uint64_t other_allocations;
};

// What a load got, all of it checked byte by byte.
struct chttp_tally {
    uint64_t answers;
    uint64_t events;
};

// The path that is served, the body of an answer, and one event of a stream: between `data: ` and the empty line.
extern const char chttp_path[];
extern const char chttp_json[];
extern const char chttp_event[];
const uint8_t *chttp_json_start(void);
size_t chttp_json_bytes(void);
const uint8_t *chttp_event_start(void);
size_t chttp_event_bytes(void);

// Listens on loopback, calls `listening` with the port, serves and measures. 0 or an errno.
int chttp_serve(const struct chttp_plan *plan, void (*listening)(int port), struct chttp_service *service);

// Asks over so many connections, each again when its answer is complete, until the server has closed all of them. 0 or an errno; EPROTO for an
// answer that is not the one that is served.
int chttp_load(int port, int connections, struct chttp_tally *tally);
