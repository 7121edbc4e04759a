/// Reads one token at a time: white space, punctuation, literals, numbers and strings.
struct JSONScanner: ~Copyable, ~Escapable {
    typealias Fault = JSONParser.Fault

    let source: RawSpan
    private(set) var position = 0
    private let end: Int
    /// Where strings with escapes are put together; reused from string to string.
    private var unescaped: [UInt8] = []

    @_lifetime(copy source)
    init(_ source: RawSpan) {
        self.source = source
        end = source.byteCount
    }

    var isAtEnd: Bool { position == end }

    @inline(__always)
    func peek() -> UInt8? { position < end ? byte(at: position) : nil }

    @inline(__always)
    private func byte(at offset: Int) -> UInt8 { source.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    @inline(__always)
    mutating func advance() { position += 1 }

    @inline(__always)
    mutating func skipWhitespace() {
        while position < end {
            let next = byte(at: position)
            guard next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 else { return }
            position += 1
        }
    }

    /// Steps over the byte if it is the next one.
    @inline(__always)
    mutating func skip(_ wanted: UInt8) -> Bool {
        guard position < end, byte(at: position) == wanted else { return false }
        position += 1
        return true
    }

    /// The fault of standing here.
    func unexpected() -> Fault { Fault(code: peek().map { .unexpectedByte($0) } ?? .unexpectedEnd, offset: position) }

    mutating func literal(_ word: StaticString) throws(Fault) {
        for index in 0..<word.utf8CodeUnitCount where !skip(word.utf8Start[index]) { throw unexpected() }
    }

    // MARK: Numbers

    mutating func number() throws(Fault) -> JSONNumber {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        let isZero = skip(UInt8(ascii: "0"))
        if isZero {
            if let next = peek(), isDigit(next) { throw Fault(code: .invalidNumber, offset: position) }
        } else {
            try digits()
        }
        if skip(UInt8(ascii: ".")) { try digits() }
        if let next = peek(), next | 0x20 == UInt8(ascii: "e") {
            advance()
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try digits()
        }
        guard position - start <= JSONLimits.numberBytes else {
            throw Fault(code: .numberTooLong(limit: JSONLimits.numberBytes), offset: start)
        }
        return JSONNumber(checked: try text(start, position))
    }

    private mutating func digits() throws(Fault) {
        let start = position
        while position < end, isDigit(byte(at: position)) { position += 1 }
        guard position == start else { return }
        throw isAtEnd ? unexpected() : Fault(code: .invalidNumber, offset: position)
    }

    @inline(__always)
    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    // MARK: Strings

    /// Reads the string whose opening quote is the next byte.
    mutating func string() throws(Fault) -> String {
        advance()
        let start = position
        skipPlainText()
        guard position < end else { throw unexpected() }
        if byte(at: position) == UInt8(ascii: "\"") {
            position += 1
            return try text(start, position - 1)
        }
        return try stringWithEscapes(from: start)
    }

    /// Stops at the next quote, backslash or control character, or at the end; 64 bytes a step, then eight.
    private mutating func skipPlainText() {
        var offset = source.withUnsafeBytes { SpecialBytes.skipStretches(of: $0, from: position) }
        while offset + 8 <= end {
            let word = UInt64(littleEndian: source.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let special = SpecialBytes.mask(word)
            guard special == 0 else {
                position = offset + special.trailingZeroBitCount / 8
                return
            }
            offset += 8
        }
        while offset < end, !SpecialBytes.contains(byte(at: offset)) { offset += 1 }
        position = offset
    }

    /// Continues at the first special byte; everything from `start` on belongs to the string.
    private mutating func stringWithEscapes(from start: Int) throws(Fault) -> String {
        unescaped.removeAll(keepingCapacity: true)
        var copied = start
        while position < end {
            let special = byte(at: position)
            guard special == UInt8(ascii: "\"") || special == UInt8(ascii: "\\") else {
                throw Fault(code: .controlCharacter, offset: position)
            }
            append(copied, position)
            position += 1
            guard special == UInt8(ascii: "\\") else {
                return try unescapedText(start, position - 1)
            }
            try escape()
            copied = position
            skipPlainText()
        }
        throw unexpected()
    }

    private mutating func append(_ from: Int, _ to: Int) {
        source.extracting(from..<to).withUnsafeBytes { unescaped.append(contentsOf: $0) }
    }

    /// Reads an escape behind its backslash.
    private mutating func escape() throws(Fault) {
        let start = position - 1
        guard let letter = peek() else { throw unexpected() }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0C)
        case UInt8(ascii: "n"): unescaped.append(0x0A)
        case UInt8(ascii: "r"): unescaped.append(0x0D)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"): append(try escapedScalar(from: start))
        default: throw Fault(code: .invalidEscape, offset: start)
        }
    }

    private mutating func escapedScalar(from start: Int) throws(Fault) -> UInt32 {
        let first = try hexUnit(from: start)
        guard first & 0xF800 == 0xD800 else { return first }
        guard first < 0xDC00 else { throw Fault(code: .loneSurrogate, offset: start) }
        guard !isAtEnd else { throw unexpected() }
        guard skip(UInt8(ascii: "\\")) else { throw Fault(code: .loneSurrogate, offset: start) }
        guard !isAtEnd else { throw unexpected() }
        guard skip(UInt8(ascii: "u")) else { throw Fault(code: .loneSurrogate, offset: start) }
        let second = try hexUnit(from: position - 2)
        guard second & 0xFC00 == 0xDC00 else { throw Fault(code: .loneSurrogate, offset: start) }
        return 0x1_0000 + ((first & 0x3FF) << 10 | second & 0x3FF)
    }

    private mutating func hexUnit(from start: Int) throws(Fault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek() else { throw unexpected() }
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: throw Fault(code: .invalidEscape, offset: start)
            }
            unit = unit << 4 | UInt32(value)
            position += 1
        }
        return unit
    }

    /// `scalar` is no surrogate.
    private mutating func append(_ scalar: UInt32) {
        func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F }
        switch scalar {
        case 0..<0x80: unescaped.append(UInt8(truncatingIfNeeded: scalar))
        case 0..<0x800:
            unescaped.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
            unescaped.append(continuation(0))
        case 0..<0x1_0000:
            unescaped.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
            unescaped.append(continuation(6))
            unescaped.append(continuation(0))
        default:
            unescaped.append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18))
            unescaped.append(continuation(12))
            unescaped.append(continuation(6))
            unescaped.append(continuation(0))
        }
    }

    private func text(_ from: Int, _ to: Int) throws(Fault) -> String {
        try source.extracting(from..<to).withUnsafeBytes { bytes throws(Fault) in
            do throws(UTF8.ValidationError) {
                // The generic String(validating:as:) looks up its specialisation at run time for every string: a third of a parse.
                return String(copying: try UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span))
            } catch {
                throw Fault(code: .invalidUTF8, offset: from + error.byteOffsets.lowerBound)
            }
        }
    }

    private func unescapedText(_ from: Int, _ to: Int) throws(Fault) -> String {
        do throws(UTF8.ValidationError) {
            return String(copying: try UTF8Span(validating: unescaped.span))
        } catch {
            // Escapes are whole scalars, so what is between them is valid on its own exactly if the sum is: the source has the same fault.
            _ = try text(from, to)
            throw Fault(code: .invalidUTF8, offset: from)
        }
    }
}

/// The bytes that cannot stand for themselves inside a JSON string, found many at a time.
enum SpecialBytes {
    @inline(__always)
    static func contains(_ byte: UInt8) -> Bool { byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

    /// The high bit of the lowest special byte is the lowest bit set; bits above it may be false alarms (a borrow), bits below it are exact.
    @inline(__always)
    static func mask(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        return ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word) & (ones &* 0x80)
    }

    /// Behind as many stretches of 64 bytes from `start` on as hold none.
    @inline(__always)
    static func skipStretches(of text: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = text.baseAddress else { return start }
        var offset = start
        while text.count - offset >= 64 {
            let bytes = base + offset
            let found = areIn(bytes) | areIn(bytes + 16) | areIn(bytes + 32) | areIn(bytes + 48)
            guard found[0] | found[1] == 0 else { break }
            offset += 64
        }
        return offset
    }

    /// Not zero where one of sixteen bytes is special. Larger vectors this compiler takes apart, byte by byte.
    @inline(__always)
    private static func areIn(_ sixteen: UnsafeRawPointer) -> SIMD2<UInt64> {
        let bytes = sixteen.loadUnaligned(as: SIMD16<UInt8>.self), backslash = SIMD16<UInt8>(repeating: UInt8(ascii: "\\"))
        // With this bit turned over the quote comes to stand right behind the control characters, and no other byte does.
        let bit = SIMD16<UInt8>(repeating: 2), behind = SIMD16<UInt8>(repeating: UInt8(ascii: "\"") ^ 2 + 1)
        let found = SIMD16<UInt8>.zero.replacing(with: 0xFF, where: ((bytes ^ bit) .< behind) .| (bytes .== backslash))
        return withUnsafeBytes(of: found) { $0.loadUnaligned(as: SIMD2<UInt64>.self) }
    }
}
