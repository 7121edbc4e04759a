#define _GNU_SOURCE
#include "csys.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static __thread void *current_loop;

void *apus_current_loop(void) { return current_loop; }
void apus_set_current_loop(void *loop) { current_loop = loop; }

int apus_epoll_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static int control(int epoll, int operation, int descriptor, uint32_t interest, uint64_t token) {
    // RDHUP is always armed: the end of an idle peer must be seen at once.
    struct epoll_event event = {.events = EPOLLRDHUP, .data = {.u64 = token}};
    if (interest & APUS_READABLE) event.events |= EPOLLIN;
    if (interest & APUS_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(epoll, operation, descriptor, &event) < 0 ? -errno : 0;
}

int apus_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, interest, token);
}

int apus_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, interest, token);
}

int apus_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

int apus_epoll_wait(int epoll, struct apus_event *events, int capacity, int64_t microseconds) {
    struct epoll_event ready[256];
    if (capacity > 256) capacity = 256;
    // Rounded up: waking early would spin until the timer is due.
    int64_t milliseconds = microseconds < 0 ? -1 : (microseconds + 999) / 1000;
    if (milliseconds > 60 * 1000) milliseconds = 60 * 1000;
    int count = epoll_wait(epoll, ready, capacity, (int)milliseconds);
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) {
        uint32_t bits = ready[index].events;
        events[index].token = ready[index].data.u64;
        events[index].events = ((bits & EPOLLIN) ? APUS_READABLE : 0) | ((bits & EPOLLOUT) ? APUS_WRITABLE : 0) |
                               ((bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ? APUS_HANGUP : 0);
    }
    return count;
}

int apus_eventfd_create(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

void apus_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is woken anyway.
    ssize_t ignored = write(descriptor, &one, sizeof one);
    (void)ignored;
}

void apus_eventfd_clear(int descriptor) {
    uint64_t count;
    ssize_t ignored = read(descriptor, &count, sizeof count);
    (void)ignored;
}

int64_t apus_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t apus_wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int apus_random_bytes(void *bytes, size_t count) {
    unsigned char *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        at += got;
        count -= (size_t)got;
    }
    return 0;
}

void apus_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
