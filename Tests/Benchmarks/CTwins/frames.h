// The bytes of a token batch on a link, as both ends of the twin know them: `proto-spec/01-header.md`, `04-messages.md#tokenbatch`.
#pragma once
#include <stdint.h>
#include <string.h>

enum {
    LENGTH_BYTES = 8,  // of the SP stream, big-endian
    HEADER_BYTES = 32, // of a message
    COUNT_BYTES = 4,
    FRAME_BYTES = 17 + 4,
    FRAME_HEAD_BYTES = 17,
    MESSAGE_LIMIT = 16 << 20,
    TOKEN_BATCH = 0x0303,
    FRAMES_PER_BATCH = 16 << 10,
    OUTBOX_HIGH_BYTES = 1 << 20,      // TransportLimits.outboxHighBytes
    RECEIVE_BYTES = 4 << 10,          // TransportLimits.receiveBytes
    RECEIVE_GROWTH_BYTES = 256 << 10, // TransportLimits.receiveGrowthBytes
};
#define MAGIC 0x53555041u

// The greeting of PAIR0.
static const uint8_t greeting[8] = {0x00, 0x53, 0x50, 0x00, 0x00, 0x10, 0x00, 0x00};

static inline uint16_t load16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
static inline uint32_t load32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
static inline uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
