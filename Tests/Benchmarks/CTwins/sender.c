// The sending end: what is written during a turn leaves in one send; above a mebibyte it waits until everything has left.
#define _GNU_SOURCE
#include "ctwins.h"
#include "events.h"
#include "frames.h"

#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIALLED, DRAINED, FAILED };

struct buffer {
    uint8_t *bytes;
    size_t count, capacity;
};

struct sender {
    struct events events;
    nng_stream *stream;
    nng_aio *dialling, *sending, *receiving;
    uint8_t received[64];
    pthread_mutex_t mutex;
    struct buffer outbox, waiting, in_flight;
    size_t offset;
    bool is_sending;
    uint64_t step;
};

static uint8_t *grow(struct buffer *buffer, size_t more) {
    if (buffer->count + more > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity * 2 : 4096;
        while (capacity < buffer->count + more) capacity *= 2;
        buffer->bytes = realloc(buffer->bytes, capacity);
        buffer->capacity = capacity;
    }
    uint8_t *at = buffer->bytes + buffer->count;
    buffer->count += more;
    return at;
}

static void swap(struct buffer *one, struct buffer *two) {
    struct buffer kept = *one;
    *one = *two;
    *two = kept;
}

static void start_send(struct sender *self) {
    nng_iov vector = {.iov_buf = self->in_flight.bytes + self->offset, .iov_len = self->in_flight.count - self->offset};
    nng_aio_set_iov(self->sending, 1, &vector);
    nng_stream_send(self->stream, self->sending);
}

static void sent(void *context) {
    struct sender *self = context;
    int status = nng_aio_result(self->sending);
    if (status != 0) {
        events_put(&self->events, (struct event){.kind = FAILED, .status = status});
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->offset += nng_aio_count(self->sending);
    bool goes_on = true;
    if (self->offset == self->in_flight.count) {
        self->in_flight.count = 0;
        self->offset = 0;
        if (self->waiting.count == 0) {
            self->is_sending = false;
            goes_on = false;
        } else {
            swap(&self->in_flight, &self->waiting);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    if (goes_on) start_send(self);
    else events_put(&self->events, (struct event){.kind = DRAINED});
}

static void dialled(void *context) {
    struct sender *self = context;
    events_put(&self->events, (struct event){.kind = DIALLED, .status = nng_aio_result(self->dialling)});
}

static void received(void *context) {
    struct sender *self = context;
    int status = nng_aio_result(self->receiving);
    if (status != 0) events_put(&self->events, (struct event){.kind = FAILED, .status = status});
    else {
        // The greeting, and nothing after it: the end of the connection is what is waited for.
        nng_iov vector = {.iov_buf = self->received, .iov_len = sizeof self->received};
        nng_aio_set_iov(self->receiving, 1, &vector);
        nng_stream_recv(self->stream, self->receiving);
    }
}

static void append_batch(struct sender *self, int frames) {
    size_t body = COUNT_BYTES + (size_t)frames * FRAME_BYTES, message = HEADER_BYTES + body;
    uint8_t *at = grow(&self->outbox, LENGTH_BYTES + message);
    uint64_t length = __builtin_bswap64(message), origin = 1, number = ++self->step;
    memcpy(at, &length, 8);
    at += LENGTH_BYTES;
    uint32_t magic = MAGIC, body_length = (uint32_t)body, count = (uint32_t)frames;
    uint16_t kind = TOKEN_BATCH;
    memset(at, 0, HEADER_BYTES);
    memcpy(at, &magic, 4);
    at[4] = 1;
    memcpy(at + 6, &kind, 2);
    memcpy(at + 12, &body_length, 4);
    memcpy(at + 16, &origin, 8);
    memcpy(at + 24, &number, 8);
    at += HEADER_BYTES;
    memcpy(at, &count, 4);
    at += COUNT_BYTES;
    for (int frame = 0; frame < frames; frame++) {
        uint64_t counter = (uint64_t)frame, packed = (uint32_t)number | (uint64_t)1 << 40 | (uint64_t)1 << 56;
        uint32_t token = (uint32_t)(number * 31 + (uint64_t)frame) & 0x1FFFF;
        memcpy(at, &counter, 8);
        memcpy(at + 8, &packed, 8);
        at[16] = 0;
        memcpy(at + 17, &token, 4);
        at += FRAME_BYTES;
    }
}

static size_t unsent(struct sender *self) {
    pthread_mutex_lock(&self->mutex);
    size_t count = self->in_flight.count - self->offset + self->waiting.count;
    pthread_mutex_unlock(&self->mutex);
    return count + self->outbox.count;
}

static void flush(struct sender *self) {
    pthread_mutex_lock(&self->mutex);
    bool must_start = !self->is_sending;
    if (must_start) {
        swap(&self->in_flight, &self->outbox);
        self->is_sending = true;
    } else if (self->waiting.count == 0) {
        swap(&self->waiting, &self->outbox);
    } else {
        memcpy(grow(&self->waiting, self->outbox.count), self->outbox.bytes, self->outbox.count);
    }
    self->outbox.count = 0;
    pthread_mutex_unlock(&self->mutex);
    if (must_start) start_send(self);
}

static void flood(struct sender *self, int frames) {
    while (unsent(self) <= OUTBOX_HIGH_BYTES) append_batch(self, frames);
    flush(self);
}

int ctwins_send_frames(int port, int frames) {
    static struct sender sender;
    struct sender *self = &sender;
    nng_stream_dialer *dialer;
    char address[64];
    int status;
    if (!events_open(&self->events)) return NNG_ESYSERR;
    pthread_mutex_init(&self->mutex, NULL);
    if ((status = nng_aio_alloc(&self->dialling, dialled, self)) != 0) return status;
    if ((status = nng_aio_alloc(&self->sending, sent, self)) != 0) return status;
    if ((status = nng_aio_alloc(&self->receiving, received, self)) != 0) return status;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    if ((status = nng_stream_dialer_alloc(&dialer, address)) != 0) return status;
    if ((status = nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true)) != 0) return status;
    nng_stream_dialer_dial(dialer, self->dialling);
    struct event taken[INBOX_EVENTS];
    bool ended = false;
    while (!ended) {
        int count = events_wait(&self->events, taken);
        for (int index = 0; index < count; index++) {
            switch (taken[index].kind) {
            case DIALLED: {
                if (taken[index].status != 0) return taken[index].status;
                self->stream = nng_aio_get_output(self->dialling, 0);
                nng_iov vector = {.iov_buf = self->received, .iov_len = sizeof self->received};
                nng_aio_set_iov(self->receiving, 1, &vector);
                nng_stream_recv(self->stream, self->receiving);
                memcpy(grow(&self->outbox, sizeof greeting), greeting, sizeof greeting);
                flood(self, frames);
                break;
            }
            case DRAINED: flood(self, frames); break;
            default: ended = true; // the receiver has what it wanted and closed
            }
        }
    }
    if (self->stream) nng_stream_close(self->stream);
    nng_aio_free(self->dialling);
    nng_aio_free(self->sending);
    nng_aio_free(self->receiving);
    return 0;
}
