// What a C program would write in place of our loop: an inbox behind a mutex, an eventfd on its empty edge, epoll.
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct event {
    int kind;
    int status;
    size_t bytes;
};

enum { INBOX_EVENTS = 64 }; // one receive and one send are outstanding at most, so a few suffice

struct events {
    int epoll;
    int wake;
    pthread_mutex_t mutex;
    struct event inbox[INBOX_EVENTS];
    int count;
};

bool events_open(struct events *events);
void events_close(struct events *events);
// From nng's threads.
void events_put(struct events *events, struct event event);
// Waits for the next turn and takes what came: the number of events in `taken`.
int events_wait(struct events *events, struct event *taken);
