// The twin's server: one thread, one epoll, everything in its turns.
#pragma once
#include "chttp.h"
#include "http_request.h"

struct http_bytes {
    uint8_t *start;
    size_t count, capacity;
};

struct http_connection {
    int descriptor;
    int place;               // among those that stream; -1: it does not
    int events_left;
    bool waits_for_room;     // the kernel is full
    bool closes;             // after what waits has left
    struct http_bytes input; // of a request that is not whole yet
    struct http_bytes output;
    size_t sent;
};

struct http_server {
    const struct chttp_plan *plan;
    int listener, epoll, timer;
    struct http_connection **streams;
    int stream_count, stream_capacity;
    int full_count; // connections that wait for room
    uint8_t *scratch;
    struct http_request request;
    char start[128]; // status line and date of an answer
    size_t start_bytes;
    int64_t second;
    int64_t opened; // when the first connection was
    uint64_t answers, events, turns;
};

// Answers: what is appended leaves with http_send.
void http_answer(struct http_server *server, struct http_connection *connection, const uint8_t *bytes);
// Every stream gets what waits for it in this turn.
void http_stream_round(struct http_server *server);
void http_stop_streaming(struct http_server *server, struct http_connection *connection);

// False: the connection is broken, or has ended as it should. The caller closes it.
bool http_take_backlog(struct http_server *server, struct http_connection *connection);
bool http_send(struct http_server *server, struct http_connection *connection);
void http_close(struct http_server *server, struct http_connection *connection);
void http_append(struct http_bytes *bytes, const void *more, size_t count);
