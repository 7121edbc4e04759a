#define _GNU_SOURCE
#include "csys.h"
#include <sys/epoll.h>
int apus_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
