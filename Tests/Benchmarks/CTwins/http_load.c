// A closed loop of keep-alive connections: each asks again when its answer is complete, and has looked at every byte of it.
#define _GNU_SOURCE
#include "chttp.h"
#include "http_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Of OpenAI's Python client, with a short question: what most servers of this API are asked by.
static const char request_format[] =
    "POST %s HTTP/1.1\r\n"
    "Host: 127.0.0.1:%d\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 1.99.1\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 1.99.1\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\n"
    "X-Stainless-Runtime-Version: 3.12.3\r\n"
    "Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n"
    "X-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\n"
    "x-stainless-read-timeout: 600\r\n"
    "Content-Length: %zu\r\n"
    "\r\n%s";
static const char question[] = "{\"messages\":[{\"role\":\"system\",\"content\":\"Answer in one sentence.\"},"
                               "{\"role\":\"user\",\"content\":\"What is the capital of France, and since when has it been the capital?\"}],"
                               "\"model\":\"llama-3.1-8b\",\"max_tokens\":8,\"temperature\":0}";

enum { ANSWER_HEAD_BYTES = 2 << 10, LOAD_EVENTS = 256 };

enum place { IN_HEAD, IN_BODY, IN_SIZE, IN_CHUNK, AFTER_CHUNK, AT_END };

struct client {
    int descriptor;
    enum place place;
    char head[ANSWER_HEAD_BYTES];
    size_t head_bytes;
    size_t left;    // of the body, of a chunk, or of the line end behind it
    size_t matched; // of the body, or of the event that comes
    bool has_size;
    uint64_t events;
};

struct load {
    char request[2 << 10];
    size_t request_bytes;
    char event[512]; // with what is around it
    size_t event_bytes;
    struct chttp_tally *tally;
};

static bool ask(const struct load *load, struct client *client) {
    client->place = IN_HEAD;
    client->head_bytes = 0;
    client->matched = 0;
    client->events = 0;
    return send(client->descriptor, load->request, load->request_bytes, MSG_NOSIGNAL) == (ssize_t)load->request_bytes;
}

static bool is_complete(struct load *load, struct client *client) {
    load->tally->answers++;
    load->tally->events += client->events;
    return ask(load, client);
}

// The head is there, up to and with its empty line.
static bool judge_head(struct client *client) {
    static const char ok[] = "HTTP/1.1 200 OK\r\n", length_name[] = "\r\nContent-Length: ";
    client->head[client->head_bytes] = 0;
    if (strncmp(client->head, ok, sizeof ok - 1) != 0) return false;
    const char *length = strstr(client->head, length_name);
    if (length) {
        client->left = strtoul(length + sizeof length_name - 1, NULL, 10);
        client->place = IN_BODY;
        return client->left == chttp_json_bytes();
    }
    client->left = 0;
    client->has_size = false;
    client->place = IN_SIZE;
    return strstr(client->head, "\r\nTransfer-Encoding: chunked\r\n") != NULL;
}

static bool take_head(struct client *client, uint8_t byte) {
    if (client->head_bytes == ANSWER_HEAD_BYTES - 1) return false;
    client->head[client->head_bytes++] = (char)byte;
    bool ends = byte == '\n' && client->head_bytes >= 4 && memcmp(client->head + client->head_bytes - 4, "\r\n\r\n", 4) == 0;
    return !ends || judge_head(client);
}

static bool take_size(struct client *client, uint8_t byte) {
    if (byte == '\r') return client->has_size;
    if (byte == '\n') {
        client->place = client->left > 0 ? IN_CHUNK : AT_END;
        if (client->left == 0) client->left = 2;
        return client->has_size;
    }
    int digit = byte >= '0' && byte <= '9' ? byte - '0' : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
    client->has_size = true;
    client->left = client->left << 4 | (size_t)digit;
    return digit >= 0;
}

// The two bytes behind a chunk, or behind the last one.
static bool take_line_end(struct client *client, uint8_t byte) {
    client->left--;
    if (byte != (client->left == 1 ? '\r' : '\n')) return false;
    if (client->left == 0 && client->place == AFTER_CHUNK) {
        client->place = IN_SIZE;
        client->has_size = false;
    }
    return true;
}

// As much of the wanted text, which repeats itself, as is here; -1: it is another text.
static int64_t match(struct client *client, const char *wanted, size_t length, const uint8_t *bytes, size_t count) {
    size_t end = client->left < count ? client->left : count, at = 0;
    while (at < end) {
        size_t part = length - client->matched < end - at ? length - client->matched : end - at;
        if (memcmp(bytes + at, wanted + client->matched, part) != 0) return -1;
        at += part;
        client->matched += part;
        if (client->matched < length) continue;
        client->matched = 0;
        client->events++;
    }
    client->left -= end;
    return (int64_t)end;
}

static bool take(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        if (client->place == IN_BODY || client->place == IN_CHUNK) {
            bool is_body = client->place == IN_BODY;
            int64_t used = is_body ? match(client, chttp_json, chttp_json_bytes(), bytes + at, count - at)
                                   : match(client, load->event, load->event_bytes, bytes + at, count - at);
            if (used < 0) return false;
            at += (size_t)used;
            if (client->left > 0) continue;
            if (is_body) {
                client->events = 0;
                if (!is_complete(load, client)) return false;
            } else {
                client->place = AFTER_CHUNK;
                client->left = 2;
            }
            continue;
        }
        uint8_t byte = bytes[at++];
        if (client->place == IN_HEAD) {
            if (!take_head(client, byte)) return false;
        } else if (client->place == IN_SIZE) {
            if (!take_size(client, byte)) return false;
        } else {
            if (!take_line_end(client, byte)) return false;
            if (client->place != AT_END || client->left > 0) continue;
            // A stream has events, and ends behind a whole one.
            if (client->events == 0 || client->matched != 0 || !is_complete(load, client)) return false;
        }
    }
    return true;
}

// 1: it goes on; 0: the server has closed it; -1: what came is no answer of ours.
static int serve(struct load *load, struct client *client, uint8_t *scratch) {
    ssize_t count = recv(client->descriptor, scratch, HTTP_READ_BYTES, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (count <= 0) return 0;
    if (take(load, client, scratch, (size_t)count)) return 1;
    // Asking a server that has gone fails as well.
    char none;
    ssize_t rest = recv(client->descriptor, &none, 1, MSG_DONTWAIT | MSG_PEEK);
    return rest == 0 || (rest < 0 && errno != EAGAIN) ? 0 : -1;
}

static int run(struct load *load, int epoll, int connections) {
    uint8_t *scratch = malloc(HTTP_READ_BYTES);
    struct epoll_event ready[LOAD_EVENTS];
    int status = scratch ? 0 : ENOMEM;
    while (status == 0 && connections > 0) {
        int count = epoll_wait(epoll, ready, LOAD_EVENTS, -1);
        if (count < 0 && errno != EINTR) status = errno;
        for (int index = 0; index < count && status == 0; index++) {
            struct client *client = ready[index].data.ptr;
            int outcome = serve(load, client, scratch);
            if (outcome > 0) continue;
            if (outcome < 0) status = EPROTO;
            close(client->descriptor);
            connections--;
        }
    }
    free(scratch);
    return status;
}

int chttp_load(int port, int connections, struct chttp_tally *tally) {
    static struct load load;
    load.tally = tally;
    load.request_bytes = (size_t)snprintf(
        load.request, sizeof load.request, request_format, chttp_path, port, sizeof question - 1, question);
    load.event_bytes = (size_t)snprintf(load.event, sizeof load.event, "data: %s\n\n", chttp_event);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    if (epoll < 0 || !clients) return errno;
    for (int index = 0; index < connections; index++) {
        struct client *client = &clients[index];
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = client};
        client->descriptor = http_connect(port);
        if (client->descriptor < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, client->descriptor, &interest) != 0 || !ask(&load, client)) return errno;
    }
    int status = run(&load, epoll, connections);
    close(epoll);
    free(clients);
    return status;
}
