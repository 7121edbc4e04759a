// What Swift's Glibc module does not offer: epoll, eventfd, and a few calls with awkward types.
// _GNU_SOURCE is defined in the .c file only: in this header it would redefine fd_set for the whole module.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct apus_event { uint32_t events; int32_t descriptor; };

int apus_epoll_create(void);
