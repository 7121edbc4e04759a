// The receiving end: aio callback → eventfd → epoll → parse in place → re-arm, as NngStream and Link do it, with the same buffer.
#define _GNU_SOURCE
#include "ctwins.h"
#include "events.h"
#include "frames.h"

#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACCEPTED, RECEIVED, GREETED };

struct receiver {
    struct events events;
    nng_stream *stream;
    nng_aio *accepting, *receiving, *sending;
    uint8_t *buffer;
    size_t capacity, filled, wanted;
    bool is_greeted;
    uint64_t messages, frames, reads, sum;
};

static void accepted(void *context) {
    struct receiver *self = context;
    events_put(&self->events, (struct event){.kind = ACCEPTED, .status = nng_aio_result(self->accepting)});
}

static void received(void *context) {
    struct receiver *self = context;
    int status = nng_aio_result(self->receiving);
    events_put(&self->events, (struct event){.kind = RECEIVED, .status = status, .bytes = status == 0 ? nng_aio_count(self->receiving) : 0});
}

static void greeted(void *context) {
    struct receiver *self = context;
    events_put(&self->events, (struct event){.kind = GREETED, .status = nng_aio_result(self->sending)});
}

static void arm(struct receiver *self) {
    nng_iov vector = {.iov_buf = self->buffer + self->filled, .iov_len = self->capacity - self->filled};
    nng_aio_set_iov(self->receiving, 1, &vector);
    nng_stream_recv(self->stream, self->receiving);
}

static bool read_message(struct receiver *self, const uint8_t *message, uint64_t length) {
    if (length < HEADER_BYTES || load32(message) != MAGIC || message[4] != 1) return false;
    uint16_t kind = load16(message + 6), flags = load16(message + 8);
    if ((flags & 0xFF & ~7) != 0 || load16(message + 10) != 0) return false;
    uint32_t body = load32(message + 12);
    if (body > MESSAGE_LIMIT || body != length - HEADER_BYTES || kind != TOKEN_BATCH) return false;
    self->messages += 1;
    return ctwins_decode_batch(message + HEADER_BYTES, body, &self->frames, &self->sum);
}

// Uses all whole messages in the buffer; the number of bytes used, or -1.
static int64_t read_messages(struct receiver *self) {
    size_t at = 0;
    if (!self->is_greeted) {
        if (self->filled < sizeof greeting) return 0;
        if (memcmp(self->buffer, greeting, sizeof greeting) != 0) return -1;
        self->is_greeted = true;
        at = sizeof greeting;
    }
    for (;;) {
        self->wanted = LENGTH_BYTES;
        if (self->filled - at < LENGTH_BYTES) return (int64_t)at;
        uint64_t length = __builtin_bswap64(load64(self->buffer + at));
        if (length > MESSAGE_LIMIT) return -1;
        self->wanted = LENGTH_BYTES + length;
        if (self->filled - at < self->wanted) return (int64_t)at;
        if (!read_message(self, self->buffer + at + LENGTH_BYTES, length)) return -1;
        at += LENGTH_BYTES + length;
    }
}

static void keep_unused(struct receiver *self, size_t used, bool was_full) {
    size_t rest = self->filled - used, size = self->capacity;
    if (was_full && size < RECEIVE_GROWTH_BYTES) size = size * 4 < RECEIVE_GROWTH_BYTES ? size * 4 : RECEIVE_GROWTH_BYTES;
    if (self->wanted > size) size = self->wanted;
    if (size != self->capacity) {
        uint8_t *grown = malloc(size);
        memcpy(grown, self->buffer + used, rest);
        free(self->buffer);
        self->buffer = grown;
        self->capacity = size;
    } else if (used > 0 && rest > 0) {
        memmove(self->buffer, self->buffer + used, rest);
    }
    self->filled = rest;
}

static int serve(struct receiver *self, int64_t warm_up, int64_t window, struct ctwins_reception *result) {
    int64_t opened = 0, began = 0, cpu = 0;
    struct ctwins_reception start = {0};
    struct ctwins_allocations allocations = {0};
    struct event taken[INBOX_EVENTS];
    for (;;) {
        int count = events_wait(&self->events, taken);
        int64_t now = ctwins_monotonic_nanoseconds();
        for (int index = 0; index < count; index++) {
            if (taken[index].status != 0) return taken[index].status;
            if (taken[index].kind == ACCEPTED) {
                self->stream = nng_aio_get_output(self->accepting, 0);
                nng_iov vector = {.iov_buf = (void *)greeting, .iov_len = sizeof greeting};
                nng_aio_set_iov(self->sending, 1, &vector);
                nng_stream_send(self->stream, self->sending);
                opened = now;
                arm(self);
            } else if (taken[index].kind == RECEIVED) {
                self->reads += 1;
                bool was_full = self->filled + taken[index].bytes == self->capacity;
                self->filled += taken[index].bytes;
                int64_t used = read_messages(self);
                if (used < 0) return NNG_EPROTO;
                keep_unused(self, (size_t)used, was_full);
                arm(self);
            }
        }
        if (began == 0 && opened != 0 && now - opened >= warm_up) {
            ctwins_count_allocations(true);
            allocations = ctwins_allocations();
            start = (struct ctwins_reception){.messages = self->messages, .frames = self->frames, .reads = self->reads, .sum = self->sum};
            cpu = ctwins_cpu_nanoseconds();
            began = ctwins_monotonic_nanoseconds();
        } else if (began != 0 && now - began >= window) {
            int64_t ended = ctwins_monotonic_nanoseconds(), cpu_ended = ctwins_cpu_nanoseconds();
            struct ctwins_allocations now_allocated = ctwins_allocations();
            ctwins_count_allocations(false);
            *result = (struct ctwins_reception){
                .messages = self->messages - start.messages,
                .frames = self->frames - start.frames,
                .reads = self->reads - start.reads,
                .sum = self->sum - start.sum,
                .wall_nanoseconds = ended - began,
                .cpu_nanoseconds = cpu_ended - cpu,
                .loop_allocations = now_allocated.watched - allocations.watched,
                .other_allocations = now_allocated.other - allocations.other,
            };
            return 0;
        }
    }
}

int ctwins_receive_frames(int64_t warm_up, int64_t window, void (*listening)(int port), struct ctwins_reception *result) {
    static struct receiver receiver;
    struct receiver *self = &receiver;
    nng_stream_listener *listener;
    int port = 0, status;
    ctwins_watch_this_thread();
    if (!events_open(&self->events)) return NNG_ESYSERR;
    self->capacity = RECEIVE_BYTES;
    self->buffer = malloc(self->capacity);
    if ((status = nng_aio_alloc(&self->accepting, accepted, self)) != 0) return status;
    if ((status = nng_aio_alloc(&self->receiving, received, self)) != 0) return status;
    if ((status = nng_aio_alloc(&self->sending, greeted, self)) != 0) return status;
    if ((status = nng_stream_listener_alloc(&listener, "tcp://127.0.0.1:0")) != 0) return status;
    if ((status = nng_stream_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true)) != 0) return status;
    if ((status = nng_stream_listener_listen(listener)) != 0) return status;
    if ((status = nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port)) != 0) return status;
    nng_stream_listener_accept(listener, self->accepting);
    listening(port);
    status = serve(self, warm_up, window, result);
    if (self->stream) nng_stream_close(self->stream);
    nng_stream_listener_close(listener);
    nng_aio_free(self->accepting);
    nng_aio_free(self->receiving);
    nng_aio_free(self->sending);
    if (self->stream) nng_stream_free(self->stream);
    nng_stream_listener_free(listener);
    free(self->buffer);
    events_close(&self->events);
    return status;
}
