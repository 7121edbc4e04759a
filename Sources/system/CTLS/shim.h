// The mbedTLS headers that TLS uses. mbedTLS 2.28 as Debian ships it; nng brings the same library into every process.
#pragma once
#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

/// The clock by which mbedTLS judges certificates, in seconds since 1970.
static inline int64_t ctls_seconds(void) { return (int64_t)time(NULL); }

/// The kernel's random numbers, all that were asked for; mbedTLS's error where there are none.
static inline int ctls_random(void *nothing, unsigned char *bytes, size_t count) {
    (void)nothing;
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return MBEDTLS_ERR_SSL_HW_ACCEL_FAILED;
        bytes += got;
        count -= (size_t)got;
    }
    return 0;
}
