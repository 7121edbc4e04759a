import Glibc

/// Finds members in JSON text without reading all of it: a load generator wants two or three of a chunk's members, three hundred thousand
/// times a second.
///
/// A name is looked for with its quotes. Inside a string its quotes would be escaped, so it cannot be found there; that its colon follows is
/// checked. What encloses the member is not.
enum JSONProbe {
    /// The place of the value of the first member of this name, at or behind `start`.
    static func value(of name: StaticString, in text: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard let base = text.baseAddress else { return nil }
        let length = name.utf8CodeUnitCount
        var at = start
        while at < text.count, let found = memchr(base + at, 0x22, text.count - at) {
            let quote = base.distance(to: UnsafeRawPointer(found))
            at = quote + 1
            let end = at + length
            guard end < text.count else { return nil }
            guard text[end] == 0x22, memcmp(base + at, name.utf8Start, length) == 0 else { continue }
            if let value = valueBehind(end + 1, in: text) { return value }
        }
        return nil
    }

    /// Whether the value of a member of this name is at `place`: where it was in the chunk before.
    static func hasValue(of name: StaticString, at place: Int, in text: UnsafeRawBufferPointer) -> Bool {
        // With its quotes and a colon, as most servers write it.
        let length = name.utf8CodeUnitCount, begin = place - length - 3
        guard begin > 0, place < text.count, let base = text.baseAddress else { return false }
        return text[begin] == 0x22 && text[begin - 1] != 0x5C && text[place - 2] == 0x22 && text[place - 1] == 0x3A
            && memcmp(base + begin + 1, name.utf8Start, length) == 0
    }

    /// A number without sign, fraction and exponent: a count of tokens.
    static func count(of name: StaticString, in text: UnsafeRawBufferPointer, from start: Int = 0) -> UInt32? {
        guard var place = value(of: name, in: text, from: start) else { return nil }
        var value: UInt64 = 0, digits = 0
        while place < text.count, (0x30...0x39).contains(text[place]), digits < 10 {
            value = value * 10 + UInt64(text[place] - 0x30)
            digits += 1
            place += 1
        }
        return digits > 0 ? UInt32(exactly: value) : nil
    }

    private static func valueBehind(_ place: Int, in text: UnsafeRawBufferPointer) -> Int? {
        guard let colon = skipBlanks(from: place, in: text), text[colon] == 0x3A else { return nil }
        return skipBlanks(from: colon + 1, in: text)
    }

    static func skipBlanks(from place: Int, in text: UnsafeRawBufferPointer) -> Int? {
        var place = place
        while place < text.count, text[place] == 0x20 || text[place] == 0x0A || text[place] == 0x0D || text[place] == 0x09 { place += 1 }
        return place < text.count ? place : nil
    }
}
