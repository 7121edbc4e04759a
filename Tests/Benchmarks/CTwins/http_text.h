// What the server and the load agree on beside the answers.
#pragma once
#include <stdint.h>

enum {
    HTTP_FIELDS = 128,          // HTTPLimits.headerCount
    HTTP_HEAD_BYTES = 32 << 10, // HTTPLimits.headerBytes
    HTTP_BODY_BYTES = 32 << 20, // HTTPLimits.bodyBytes
    HTTP_READ_BYTES = 64 << 10, // HTTPServer's read buffer
};

// A socket on loopback that listens, with its port. -1: errno says why.
int http_listen(int *port);
int http_connect(int port);
