// A plain copy between two sockets on loopback: what a transfer of KV state is held against.
#define _GNU_SOURCE
#include "ctwins.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Of one call: it stays in the second cache, where larger ones are slower on the machines that were tried.
enum { COPY_BYTES = 256 << 10 };

static int listen_on_loopback(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) return -1;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        close(listener);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return listener;
}

int ctwins_receive_copy(int64_t warm_up_nanoseconds, int64_t window_nanoseconds, void (*listening)(int port), struct ctwins_copy *result) {
    int port = 0, listener = listen_on_loopback(&port);
    if (listener < 0) return errno;
    listening(port);
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    uint8_t *buffer = malloc(COPY_BYTES);
    if (peer < 0 || !buffer) return errno;
    int64_t began = 0, first = ctwins_monotonic_nanoseconds() + warm_up_nanoseconds, cpu = 0;
    for (;;) {
        ssize_t count = read(peer, buffer, COPY_BYTES);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count == 0 ? ECONNRESET : errno;
        int64_t now = ctwins_monotonic_nanoseconds();
        if (began == 0) {
            if (now < first) continue;
            began = now;
            cpu = ctwins_cpu_nanoseconds();
            continue;
        }
        result->bytes += (uint64_t)count;
        if (now - began >= window_nanoseconds) {
            result->wall_nanoseconds = now - began;
            result->cpu_nanoseconds = ctwins_cpu_nanoseconds() - cpu;
            close(peer);
            free(buffer);
            return 0;
        }
    }
}

int ctwins_send_copy(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    uint8_t *buffer = malloc(COPY_BYTES);
    if (peer < 0 || !buffer || connect(peer, (struct sockaddr *)&address, sizeof address) != 0) return errno;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    memset(buffer, 0x5A, COPY_BYTES);
    for (;;) {
        ssize_t count = send(peer, buffer, COPY_BYTES, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        // The receiver has what it wanted.
        if (count <= 0) break;
    }
    close(peer);
    free(buffer);
    return 0;
}
