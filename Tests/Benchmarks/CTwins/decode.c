#include "ctwins.h"
#include "frames.h"

// A frame with a finish reason or logprobs does not occur in the twin's traffic; it is refused here, out of line.
static __attribute__((noinline)) bool refuse(void) { return false; }

bool ctwins_decode_batch(const uint8_t *body, uint64_t count, uint64_t *frames, uint64_t *sum) {
    if (count < COUNT_BYTES) return refuse();
    uint64_t left = load32(body), at = COUNT_BYTES, total = 0;
    if (left > FRAMES_PER_BATCH || left > count - at) return refuse();
    *frames += left;
    while (left-- > 0) {
        if (count - at < FRAME_HEAD_BYTES) return refuse();
        uint64_t packed = load64(body + at + 8), token_bytes = (packed >> 56) * 4;
        if ((uint8_t)(packed >> 48) > 2 || body[at + 16] != 0) return refuse();
        at += FRAME_HEAD_BYTES;
        if (count - at < token_bytes) return refuse();
        // The request's counter and position are read, as a consumer would to find where the tokens go.
        total += load64(body + at - FRAME_HEAD_BYTES) + (uint32_t)packed;
        for (uint64_t end = at + token_bytes; at < end; at += 4) total += load32(body + at);
    }
    *sum += total;
    return at == count ? true : refuse();
}
