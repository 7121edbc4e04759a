import HTTPSyntax

/// The fields that change how the rest is read, or what it may be; all others are looked at when somebody asks for them.
struct RequestFields {
    private(set) var length: Int?
    private(set) var isChunked = false
    private(set) var saysClose = false
    private(set) var saysKeepAlive = false
    private(set) var expectsContinue = false
    /// The content was compressed or changed in another way.
    private(set) var isCoded = false
    /// No field says that the content is anything but JSON.
    private(set) var mayBeJSON = true
    private var hosts = 0
    private var codings = 0

    init(_ table: borrowing FieldTable, isHTTP10: Bool) throws(HTTPRefusal) {
        let refusal = table.withEntries { entries, bytes -> HTTPRefusal? in
            do throws(HTTPRefusal) {
                for entry in entries { try read(entry, bytes) }
                return nil
            } catch { return error }
        }
        if let refusal { throw refusal }
        try check(isHTTP10: isHTTP10)
    }

    @inline(__always)
    private mutating func read(_ entry: FieldTable.Entry, _ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        // Most fields are none of these: their first letter or their length tells it.
        guard Self.begins(bytes[Int(entry.name.lowerBound)]) else { return }
        switch entry.nameCount {
        case 4 where entry.isNamed("host", in: bytes): try readHost(FieldTable.part(bytes, entry.value))
        case 6 where entry.isNamed("expect", in: bytes): try readExpectation(FieldTable.part(bytes, entry.value))
        case 10 where entry.isNamed("connection", in: bytes): readConnection(FieldTable.part(bytes, entry.value))
        case 12 where entry.isNamed("content-type", in: bytes): readType(FieldTable.part(bytes, entry.value))
        case 14 where entry.isNamed("content-length", in: bytes): try readLength(FieldTable.part(bytes, entry.value))
        case 16 where entry.isNamed("content-encoding", in: bytes):
            let value = FieldTable.part(bytes, entry.value)
            if !value.isEmpty, !HTTPText.isSame(value, "identity") { isCoded = true }
        case 17 where entry.isNamed("transfer-encoding", in: bytes): try readCodings(FieldTable.part(bytes, entry.value))
        case 14 where entry.isNamed("content_length", in: bytes), 17 where entry.isNamed("transfer_encoding", in: bytes):
            // Gateways that take an underscore for a hyphen would read another message than we do.
            throw .framing("the request has a field whose name differs from that of its framing by an underscore")
        default: break
        }
    }

    /// As the name of one of them does: with C, E, H or T. A few signs pass as well.
    @inline(__always)
    private static func begins(_ byte: UInt8) -> Bool {
        let letters: UInt64 = 1 << 0x03 | 1 << 0x05 | 1 << 0x08 | 1 << 0x14
        return letters >> UInt64(byte & 0x1F) & 1 != 0
    }

    private mutating func readHost(_ value: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        hosts += 1
        guard hosts == 1 else { throw .host("the request has more than one Host field") }
        guard RequestTarget.isAuthority(value) else { throw .host("the Host field is empty or malformed") }
    }

    private mutating func readExpectation(_ value: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        guard HTTPText.isSame(value, "100-continue") else {
            throw HTTPRefusal(.expectation, .expectationFailed, "the only expectation that this server knows is 100-continue")
        }
        expectsContinue = true
    }

    private mutating func readConnection(_ value: UnsafeRawBufferPointer) {
        // What nearly all clients say is no list.
        guard !HTTPText.isSame(value, "keep-alive") else {
            saysKeepAlive = true
            return
        }
        if HTTPText.list(value, holds: "close") { saysClose = true }
        if HTTPText.list(value, holds: "keep-alive") { saysKeepAlive = true }
    }

    private mutating func readLength(_ value: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        // Two that agree are refused as well: whoever sends them has been confused by somebody.
        guard length == nil else { throw .framing("the request has more than one Content-Length") }
        guard let length = HTTPText.decimal(value) else { throw .framing("the Content-Length is not a number of reasonable size") }
        self.length = length
    }

    /// Parameters mean nothing: JSON is UTF-8, whatever is said of it (RFC 8259, section 11).
    private mutating func readType(_ value: UnsafeRawBufferPointer) {
        guard !HTTPText.isSame(value, "application/json") else { return }
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        let type = HTTPText.trimmed(UnsafeRawBufferPointer(rebasing: value[..<end]))
        let suffix = UnsafeRawBufferPointer(rebasing: type.suffix(5)), kind = UnsafeRawBufferPointer(rebasing: type.prefix(12))
        let isSuffixed = HTTPText.isSame(kind, "application/") && HTTPText.isSame(suffix, "+json")
        if !HTTPText.isSame(type, "application/json"), !isSuffixed { mayBeJSON = false }
    }

    /// Chunked, once and last, is the one coding there is. A list without it at its end has no end that all would agree on.
    private mutating func readCodings(_ value: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        var fault: HTTPRefusal?
        HTTPText.forEachElement(of: value) { coding in
            if isChunked { fault = fault ?? .framing("a transfer coding is applied after chunked") }
            if coding.isEmpty { fault = fault ?? .framing("the Transfer-Encoding has an empty element") }
            isChunked = HTTPText.isSame(coding, "chunked")
            codings += 1
        }
        if let fault { throw fault }
    }

    private func check(isHTTP10: Bool) throws(HTTPRefusal) {
        guard hosts == 1 || isHTTP10 else { throw .host("the request has no Host field") }
        guard codings > 0 else { return }
        guard !isHTTP10 else { throw .framing("HTTP/1.0 has no Transfer-Encoding") }
        guard length == nil else { throw .framing("the request has both a Content-Length and a Transfer-Encoding") }
        guard isChunked else { throw .framing("the last transfer coding is not chunked") }
        guard codings == 1 else {
            throw HTTPRefusal(.transferCoding, .notImplemented, "chunked is the only transfer coding that this server knows")
        }
    }
}
