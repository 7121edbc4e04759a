// Requests of HTTP/1.1 read in place: as far as a server must that is safe to expose.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_text.h"

struct http_part {
    uint32_t start, count;
};

struct http_field {
    struct http_part name, value;
};

// Places are counted from the request's first byte.
struct http_request {
    struct http_part method, target, body;
    struct http_field fields[HTTP_FIELDS];
    int field_count;
    bool closes;
};

// Reads one request from the beginning of the bytes: how many it has, 0 while it is not whole, -1 if it is none that this server takes.
int64_t http_request_read(const uint8_t *bytes, size_t count, struct http_request *request);
bool http_part_is(const uint8_t *bytes, struct http_part part, const char *text, size_t count);
