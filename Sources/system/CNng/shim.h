// The nng headers that Transport uses. nng 1.5.2 as Debian ships it.
#pragma once
#define NNG_ELIDE_DEPRECATED 1
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/supplemental/tls/tls.h>
