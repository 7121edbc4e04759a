#define _GNU_SOURCE
#include "http_text.h"
#include "chttp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

const char chttp_path[] = "/v1/chat/completions";

const char chttp_json[] =
    "{\"id\":\"chatcmpl-4f1c8a7be0d24c55\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"llama-3.1-8b\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"Paris is the capital of France.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":8,\"total_tokens\":27}}";

const char chttp_event[] = "{\"id\":\"chatcmpl-4f1c8a7be0d24c55\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,"
                           "\"model\":\"llama-3.1-8b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" capital\"},\"finish_reason\":null}]}";

const uint8_t *chttp_json_start(void) { return (const uint8_t *)chttp_json; }
size_t chttp_json_bytes(void) { return sizeof chttp_json - 1; }
const uint8_t *chttp_event_start(void) { return (const uint8_t *)chttp_event; }
size_t chttp_event_bytes(void) { return sizeof chttp_event - 1; }

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

int http_listen(int *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (listener < 0) return -1;
    // Accepted connections inherit it.
    if (setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        close(listener);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return listener;
}

int http_connect(int port) {
    struct sockaddr_in address = loopback(port);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (peer < 0) return -1;
    if (connect(peer, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        close(peer);
        return -1;
    }
    return peer;
}
