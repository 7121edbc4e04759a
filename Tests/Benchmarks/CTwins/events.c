#define _GNU_SOURCE
#include "events.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool events_open(struct events *events) {
    memset(events, 0, sizeof *events);
    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    events->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&events->mutex, NULL);
    struct epoll_event interest = {.events = EPOLLIN};
    return events->epoll >= 0 && events->wake >= 0 && epoll_ctl(events->epoll, EPOLL_CTL_ADD, events->wake, &interest) == 0;
}

void events_close(struct events *events) {
    close(events->epoll);
    close(events->wake);
    pthread_mutex_destroy(&events->mutex);
}

void events_put(struct events *events, struct event event) {
    pthread_mutex_lock(&events->mutex);
    bool was_empty = events->count == 0;
    if (events->count == INBOX_EVENTS) abort();
    events->inbox[events->count++] = event;
    pthread_mutex_unlock(&events->mutex);
    if (was_empty) {
        uint64_t one = 1;
        ssize_t ignored = write(events->wake, &one, sizeof one);
        (void)ignored;
    }
}

int events_wait(struct events *events, struct event *taken) {
    struct epoll_event ready[16];
    int count = epoll_wait(events->epoll, ready, 16, -1);
    if (count > 0) {
        uint64_t value;
        ssize_t ignored = read(events->wake, &value, sizeof value);
        (void)ignored;
    }
    pthread_mutex_lock(&events->mutex);
    count = events->count;
    memcpy(taken, events->inbox, (size_t)count * sizeof *taken);
    events->count = 0;
    pthread_mutex_unlock(&events->mutex);
    return count;
}
