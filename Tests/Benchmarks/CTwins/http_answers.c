// What the twin's server says: one JSON, or a stream of events in chunks.
#define _GNU_SOURCE
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void append_text(struct http_bytes *bytes, const char *text) { http_append(bytes, text, strlen(text)); }

// Made once a second.
static void append_start(struct http_server *server, struct http_bytes *bytes) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != server->second) {
        struct tm parts;
        gmtime_r(&now.tv_sec, &parts);
        server->second = now.tv_sec;
        server->start_bytes = strftime(
            server->start, sizeof server->start, "HTTP/1.1 200 OK\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    }
    http_append(bytes, server->start, server->start_bytes);
}

static void append_number(struct http_bytes *bytes, size_t value, size_t base) {
    char digits[32];
    size_t at = sizeof digits;
    do digits[--at] = "0123456789abcdef"[value % base];
    while ((value /= base) > 0);
    http_append(bytes, digits + at, sizeof digits - at);
}

static void append_json(struct http_server *server, struct http_bytes *bytes) {
    append_start(server, bytes);
    append_text(bytes, "Content-Type: application/json\r\nContent-Length: ");
    append_number(bytes, chttp_json_bytes(), 10);
    append_text(bytes, "\r\n\r\n");
    http_append(bytes, chttp_json, chttp_json_bytes());
}

static void start_streaming(struct http_server *server, struct http_connection *connection) {
    append_start(server, &connection->output);
    append_text(&connection->output, "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n");
    if (server->stream_count == server->stream_capacity) {
        server->stream_capacity = server->stream_capacity ? 2 * server->stream_capacity : 64;
        server->streams = realloc(server->streams, (size_t)server->stream_capacity * sizeof *server->streams);
        if (!server->streams) abort();
    }
    connection->events_left = server->plan->events;
    connection->place = server->stream_count;
    server->streams[server->stream_count++] = connection;
}

void http_stop_streaming(struct http_server *server, struct http_connection *connection) {
    if (connection->place < 0) return;
    struct http_connection *last = server->streams[--server->stream_count];
    server->streams[connection->place] = last;
    last->place = connection->place;
    connection->place = -1;
}

static bool is_asked(const struct http_request *request, const uint8_t *bytes) {
    return http_part_is(bytes, request->method, "POST", 4) && http_part_is(bytes, request->target, chttp_path, strlen(chttp_path));
}

void http_answer(struct http_server *server, struct http_connection *connection, const uint8_t *bytes) {
    if (server->request.closes) connection->closes = true;
    if (!is_asked(&server->request, bytes)) {
        append_text(&connection->output, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    } else if (server->plan->events > 0) {
        start_streaming(server, connection);
    } else {
        append_json(server, &connection->output);
        server->answers++;
    }
}

// A chunk of so many events.
static void append_events(struct http_bytes *bytes, int count) {
    static const char head[] = "data: ", end[] = "\n\n";
    size_t event = sizeof head - 1 + chttp_event_bytes() + sizeof end - 1;
    append_number(bytes, (size_t)count * event, 16);
    http_append(bytes, "\r\n", 2);
    for (int index = 0; index < count; index++) {
        http_append(bytes, head, sizeof head - 1);
        http_append(bytes, chttp_event, chttp_event_bytes());
        http_append(bytes, end, sizeof end - 1);
    }
    http_append(bytes, "\r\n", 2);
}

// False: the connection is gone.
static bool stream(struct http_server *server, struct http_connection *connection) {
    int due = connection->events_left < server->plan->burst ? connection->events_left : server->plan->burst;
    while (due > 0 && !connection->waits_for_room) {
        int count = server->plan->gathers ? due : 1;
        append_events(&connection->output, count);
        due -= count;
        connection->events_left -= count;
        server->events += (uint64_t)count;
        // The end leaves with the last events.
        if (connection->events_left == 0) {
            append_text(&connection->output, "0\r\n\r\n");
            server->answers++;
            http_stop_streaming(server, connection);
        }
        if (!http_send(server, connection)) return false;
    }
    return connection->events_left > 0 || http_take_backlog(server, connection);
}

void http_stream_round(struct http_server *server) {
    // From the last to the first: one that leaves gives its place to one that had its turn.
    for (int index = server->stream_count - 1; index >= 0; index--) {
        struct http_connection *connection = server->streams[index];
        if (!stream(server, connection)) http_close(server, connection);
    }
}
