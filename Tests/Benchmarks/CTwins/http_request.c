#include "http_request.h"

#include <string.h>
#include <strings.h>

enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

// What a byte may be part of, by RFC 9110 and RFC 3986: the same classes as HTTPSyntax's ByteClass.
static uint8_t classes[256];

__attribute__((constructor)) static void fill_classes(void) {
    for (int byte = 0; byte < 256; byte++) {
        bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z', is_digit = byte >= '0' && byte <= '9';
        bool is_sign = byte != 0 && byte < 0x80 && strchr("!#$%&'*+-.^_`|~", byte);
        if (is_letter || is_digit || is_sign) classes[byte] |= TOKEN;
        if (byte > 0x20 && byte < 0x7F && byte != '#') classes[byte] |= TARGET;
        if (byte == '\t' || (byte >= 0x20 && byte != 0x7F)) classes[byte] |= VALUE;
    }
}

static inline size_t skip(const uint8_t *bytes, size_t at, size_t count, int class) {
    while (at < count && (classes[bytes[at]] & class)) at++;
    return at;
}

static inline bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

static inline struct http_part part(size_t start, size_t end) { return (struct http_part){(uint32_t)start, (uint32_t)(end - start)}; }

bool http_part_is(const uint8_t *bytes, struct http_part part, const char *text, size_t count) {
    return part.count == count && memcmp(bytes + part.start, text, count) == 0;
}

static bool is_named(const uint8_t *bytes, struct http_part part, const char *name, size_t count) {
    return part.count == count && strncasecmp((const char *)bytes + part.start, name, count) == 0;
}

// The fields on which the rest depends.
struct framing {
    int hosts, lengths;
    int64_t length;
};

static bool read_length(const uint8_t *bytes, struct http_part value, struct framing *framing) {
    if (value.count == 0 || value.count > 9 || framing->lengths++ > 0) return false;
    for (uint32_t index = 0; index < value.count; index++) {
        uint8_t byte = bytes[value.start + index];
        if (byte < '0' || byte > '9') return false;
        framing->length = framing->length * 10 + (byte - '0');
    }
    return framing->length <= HTTP_BODY_BYTES;
}

static bool judge(const uint8_t *bytes, struct http_field field, struct framing *framing, struct http_request *request) {
    switch (field.name.count) {
    case 4:
        if (is_named(bytes, field.name, "host", 4)) return framing->hosts++ == 0 && field.value.count > 0;
        return true;
    case 10:
        if (is_named(bytes, field.name, "connection", 10)) request->closes = is_named(bytes, field.value, "close", 5);
        return true;
    case 14: return !is_named(bytes, field.name, "content-length", 14) || read_length(bytes, field.value, framing);
    // The twin's traffic has no chunked requests.
    case 17: return !is_named(bytes, field.name, "transfer-encoding", 17);
    default: return true;
    }
}

// 1: a line was read; 0: there is no whole one; -1: it is none.
static int read_start(const uint8_t *bytes, size_t count, size_t *at, struct http_request *request) {
    static const char version[] = "HTTP/1.1\r\n";
    size_t end = skip(bytes, 0, count, TOKEN);
    if (end == count) return 0;
    if (end == 0 || bytes[end] != ' ') return -1;
    request->method = part(0, end);
    size_t start = end + 1;
    end = skip(bytes, start, count, TARGET);
    if (end == count) return 0;
    if (end == start || bytes[start] != '/' || bytes[end] != ' ') return -1;
    request->target = part(start, end);
    if (count - end - 1 < sizeof version - 1) return 0;
    if (memcmp(bytes + end + 1, version, sizeof version - 1) != 0) return -1;
    *at = end + sizeof version;
    return 1;
}

static int read_field(const uint8_t *bytes, size_t count, size_t *at, struct http_field *field) {
    size_t start = *at, end = skip(bytes, start, count, TOKEN);
    if (end == count) return 0;
    if (end == start || bytes[end] != ':') return -1;
    field->name = part(start, end);
    start = end + 1;
    while (start < count && is_blank(bytes[start])) start++;
    end = skip(bytes, start, count, VALUE);
    if (count - end < 2) return 0;
    if (bytes[end] != '\r' || bytes[end + 1] != '\n') return -1;
    *at = end + 2;
    while (end > start && is_blank(bytes[end - 1])) end--;
    field->value = part(start, end);
    return 1;
}

int64_t http_request_read(const uint8_t *bytes, size_t count, struct http_request *request) {
    struct framing framing = {0};
    size_t at = 0, seen = count < HTTP_HEAD_BYTES ? count : HTTP_HEAD_BYTES;
    request->field_count = 0;
    request->closes = false;
    int status = read_start(bytes, seen, &at, request);
    while (status == 1) {
        if (seen - at < 2) {
            status = 0;
        } else if (bytes[at] == '\r') {
            if (bytes[at + 1] != '\n' || framing.hosts != 1) return -1;
            at += 2;
            request->body = part(at, at + (size_t)framing.length);
            return count - at < (size_t)framing.length ? 0 : (int64_t)at + framing.length;
        } else {
            if (request->field_count == HTTP_FIELDS) return -1;
            struct http_field *field = &request->fields[request->field_count++];
            status = read_field(bytes, seen, &at, field);
            if (status == 1 && !judge(bytes, *field, &framing, request)) return -1;
        }
    }
    // A head that fills what a head may have, and has no end there, has none.
    return status < 0 || seen == HTTP_HEAD_BYTES ? -1 : 0;
}
