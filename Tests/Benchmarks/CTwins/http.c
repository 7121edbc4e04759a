// Connections of the twin's server, its turns, and what is measured of them.
#define _GNU_SOURCE
#include "http.h"
#include "ctwins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TURN_EVENTS = 256 };

void http_append(struct http_bytes *bytes, const void *more, size_t count) {
    if (bytes->count + count > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : 512;
        while (capacity < bytes->count + count) capacity *= 2;
        bytes->start = realloc(bytes->start, capacity);
        if (!bytes->start) abort();
        bytes->capacity = capacity;
    }
    memcpy(bytes->start + bytes->count, more, count);
    bytes->count += count;
}

static bool watch(struct http_server *server, int operation, int descriptor, uint32_t events, void *owner) {
    struct epoll_event interest = {.events = events, .data.ptr = owner};
    return epoll_ctl(server->epoll, operation, descriptor, &interest) == 0;
}

bool http_send(struct http_server *server, struct http_connection *connection) {
    size_t left = connection->output.count - connection->sent;
    if (left > 0) {
        ssize_t taken = send(connection->descriptor, connection->output.start + connection->sent, left, MSG_NOSIGNAL);
        if (taken < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (taken > 0) connection->sent += (size_t)taken;
    }
    bool is_full = connection->sent < connection->output.count;
    if (!is_full) {
        connection->output.count = 0;
        connection->sent = 0;
    }
    if (is_full != connection->waits_for_room) {
        connection->waits_for_room = is_full;
        server->full_count += is_full ? 1 : -1;
        if (!watch(server, EPOLL_CTL_MOD, connection->descriptor, EPOLLRDHUP | (is_full ? EPOLLOUT : EPOLLIN), connection)) return false;
    }
    return is_full || connection->place >= 0 || !connection->closes;
}

void http_close(struct http_server *server, struct http_connection *connection) {
    http_stop_streaming(server, connection);
    if (connection->waits_for_room) server->full_count--;
    close(connection->descriptor);
    free(connection->input.start);
    free(connection->output.start);
    free(connection);
}

static void accept_all(struct http_server *server, int64_t now) {
    for (;;) {
        int descriptor = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        struct http_connection *connection = calloc(1, sizeof *connection);
        if (!connection) abort();
        connection->descriptor = descriptor;
        connection->place = -1;
        if (server->opened == 0) server->opened = now;
        if (!watch(server, EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLRDHUP, connection)) http_close(server, connection);
    }
}

// Answers all whole requests; the number of bytes used, or -1. What follows a request that is answered by a stream waits for its end.
static int64_t take(struct http_server *server, struct http_connection *connection, const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (at < count && connection->place < 0) {
        int64_t used = http_request_read(bytes + at, count - at, &server->request);
        if (used < 0) return -1;
        if (used == 0) break;
        http_answer(server, connection, bytes + at);
        at += (size_t)used;
    }
    return (int64_t)at;
}

// A request in pieces is put together, and read again from its beginning.
bool http_take_backlog(struct http_server *server, struct http_connection *connection) {
    struct http_bytes *input = &connection->input;
    if (input->count == 0) return true;
    int64_t used = take(server, connection, input->start, input->count);
    if (used < 0) return false;
    input->count -= (size_t)used;
    memmove(input->start, input->start + used, input->count);
    return http_send(server, connection);
}

// False: the connection has ended.
static bool receive(struct http_server *server, struct http_connection *connection) {
    ssize_t count = recv(connection->descriptor, server->scratch, HTTP_READ_BYTES, 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    if (connection->input.count > 0) {
        http_append(&connection->input, server->scratch, (size_t)count);
        return http_take_backlog(server, connection);
    }
    int64_t used = take(server, connection, server->scratch, (size_t)count);
    if (used < 0) return false;
    if (used < count) http_append(&connection->input, server->scratch + used, (size_t)(count - used));
    return http_send(server, connection);
}

// Every turn brings events, unless nobody has room for them.
static bool may_bring(const struct http_server *server) {
    return server->plan->pace_nanoseconds == 0 && server->stream_count > server->full_count;
}

static bool turn(struct http_server *server, struct epoll_event *ready) {
    bool is_beat = false;
    int count = epoll_wait(server->epoll, ready, TURN_EVENTS, may_bring(server) ? 0 : -1);
    if (count < 0 && errno != EINTR) return false;
    int64_t now = ctwins_monotonic_nanoseconds();
    for (int index = 0; index < count; index++) {
        struct http_connection *connection = ready[index].data.ptr;
        if (ready[index].data.ptr == &server->listener) {
            accept_all(server, now);
        } else if (ready[index].data.ptr == &server->timer) {
            uint64_t ticks;
            is_beat = read(server->timer, &ticks, sizeof ticks) > 0;
        } else {
            bool is_open = true;
            if (ready[index].events & EPOLLOUT) is_open = http_send(server, connection);
            if (is_open && ready[index].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) is_open = receive(server, connection);
            if (!is_open) http_close(server, connection);
        }
    }
    server->turns++;
    if (is_beat || may_bring(server)) http_stream_round(server);
    return true;
}

static struct chttp_service reading(const struct http_server *server) {
    struct ctwins_allocations allocations = ctwins_allocations();
    return (struct chttp_service){
        .answers = server->answers,
        .events = server->events,
        .turns = server->turns,
        .wall_nanoseconds = ctwins_monotonic_nanoseconds(),
        .cpu_nanoseconds = ctwins_cpu_nanoseconds(),
        .loop_allocations = allocations.watched,
        .other_allocations = allocations.other,
    };
}

struct run {
    struct http_server *server;
    struct chttp_service *service;
    int status;
};

static void serve(void *context) {
    struct run *run = context;
    struct http_server *server = run->server;
    struct chttp_service start = {0};
    struct epoll_event ready[TURN_EVENTS];
    int64_t window = server->plan->window_nanoseconds;
    for (;;) {
        if (!turn(server, ready)) {
            run->status = errno;
            return;
        }
        int64_t now = ctwins_monotonic_nanoseconds();
        if (start.wall_nanoseconds == 0 && server->opened != 0 && now - server->opened >= server->plan->warm_up_nanoseconds) {
            ctwins_count_allocations(true);
            start = reading(server);
        }
        bool is_over = server->plan->answers > 0 ? server->answers >= server->plan->answers
                                                 : start.wall_nanoseconds != 0 && now - start.wall_nanoseconds >= window;
        if (!is_over) continue;
        struct chttp_service end = reading(server);
        ctwins_count_allocations(false);
        *run->service = (struct chttp_service){
            .answers = end.answers - start.answers,
            .events = end.events - start.events,
            .turns = end.turns - start.turns,
            .wall_nanoseconds = end.wall_nanoseconds - start.wall_nanoseconds,
            .cpu_nanoseconds = end.cpu_nanoseconds - start.cpu_nanoseconds,
            .loop_allocations = end.loop_allocations - start.loop_allocations,
            .other_allocations = end.other_allocations - start.other_allocations,
        };
        return;
    }
}

// 0 or an errno.
static int set_up(struct http_server *server, int *port) {
    int64_t pace = server->plan->pace_nanoseconds;
    struct timespec span = {.tv_sec = pace / 1000000000, .tv_nsec = pace % 1000000000};
    struct itimerspec beat = {.it_value = span, .it_interval = span};
    server->scratch = malloc(HTTP_READ_BYTES);
    server->listener = http_listen(port);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    bool is_up = server->scratch && server->listener >= 0 && server->epoll >= 0 && server->timer >= 0 &&
                 timerfd_settime(server->timer, 0, &beat, NULL) == 0 &&
                 watch(server, EPOLL_CTL_ADD, server->listener, EPOLLIN, &server->listener) &&
                 watch(server, EPOLL_CTL_ADD, server->timer, EPOLLIN, &server->timer);
    return is_up ? 0 : errno;
}

int chttp_serve(const struct chttp_plan *plan, void (*listening)(int port), struct chttp_service *service) {
    static struct http_server server;
    struct run run = {.server = &server, .service = service};
    int port = 0;
    server.plan = plan;
    ctwins_watch_this_thread();
    int status = set_up(&server, &port);
    if (status != 0) return status;
    listening(port);
    ctwins_collect(serve, &run);
    // Connections that are open end with the process, which has done what it is for.
    close(server.listener);
    close(server.epoll);
    close(server.timer);
    free(server.scratch);
    free(server.streams);
    return run.status;
}
