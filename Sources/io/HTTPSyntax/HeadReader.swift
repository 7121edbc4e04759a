import Glibc

/// What is wrong with the lines of a head.
package enum HeadFault: Error, Hashable, Sendable {
    /// More bytes than the limit, with or without an end in sight.
    case tooLong
    case startLineTooLong
    case tooManyFields
    /// A line that ends with LF alone.
    case bareLineFeed
    /// Two empty lines before a message, or an empty start line.
    case emptyStartLine
    /// A value that goes on in the next line.
    case folded
    case missingColon
    /// An empty name, or a byte in it that no name has: a blank before the colon is one.
    case badName
    /// A control byte in a value: a CR alone and NUL are some.
    case badValue
}

/// Reads the lines of a head as they arrive: the start line, which its owner judges, and the fields.
///
/// The result does not depend on how the bytes were cut: each line is judged when its end is there, and each limit by a count of bytes. A line
/// ends with CR LF and nothing else, a name touches its colon, a value stays in its line. Where recipients are known to differ it refuses.
public struct HeadReader: ~Copyable, Sendable {
    package enum Progress: Sendable {
        case needsMore
        /// The start line is there; told once, and the owner goes on with the same bytes.
        case startLine(Range<Int>)
        case complete
    }

    @usableFromInline var table = FieldTable()
    private var lineStart = 0
    /// Bytes of the present line that are known to hold no LF.
    private var scanned = 0
    private var hasStartLine = false
    private var hasSkippedLine = false
    private let maximumBytes: Int
    private let maximumStartLine: Int
    private let maximumFields: Int

    /// So little is taken as a whole: to look for the end of the head in it would cost more.
    private static let littleInput = 2 << 10

    package init(maximumBytes: Int, maximumStartLine: Int, maximumFields: Int) {
        precondition(maximumBytes < Int32.max, "places in a head are kept in 32 bits")
        self.maximumBytes = maximumBytes
        self.maximumStartLine = maximumStartLine
        self.maximumFields = maximumFields
    }

    /// Nothing of a message has arrived.
    package var isEmpty: Bool { table.byteCount == 0 }

    /// What has arrived so far.
    @inlinable @inline(__always)
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        try table.withBytes(body)
    }

    /// Reads the next head into memory that is there already. Nothing of it has arrived.
    package mutating func reuse(_ memory: consuming FieldTable) {
        precondition(isEmpty, "a head that has begun stays where it is")
        memory.clear()
        table = memory
    }

    /// The head that is complete; the reader begins anew.
    package mutating func take() -> FieldTable {
        var taken = FieldTable()
        swap(&taken, &table)
        lineStart = 0
        scanned = 0
        hasStartLine = false
        hasSkippedLine = false
        return taken
    }

    /// Reads from `input` at `cursor`, which moves behind what belongs to the head.
    package mutating func read(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(HeadFault) -> Progress {
        while true {
            if hasStartLine, scanned == 0 {
                lineStart = table.appendPlainFields(from: lineStart, endingBy: maximumBytes, atMost: maximumFields)
            }
            guard let lineFeed = nextLineFeed() else {
                try checkLine(upTo: table.byteCount)
                guard table.byteCount <= maximumBytes else { throw .tooLong }
                guard cursor < input.count else { return .needsMore }
                absorb(input, from: &cursor)
                continue
            }
            try checkLine(upTo: lineFeed.place)
            guard lineFeed.place < maximumBytes else { throw .tooLong }
            guard lineFeed.followsReturn else { throw .bareLineFeed }
            let line = lineStart..<(lineFeed.place - 1)
            lineStart = lineFeed.place + 1
            scanned = 0
            if !hasStartLine {
                guard !line.isEmpty else {
                    // Some clients send an empty line after a body; one is tolerated, as RFC 9112 section 2.2 wants.
                    guard !hasSkippedLine else { throw .emptyStartLine }
                    hasSkippedLine = true
                    continue
                }
                hasStartLine = true
                return .startLine(line)
            }
            guard !line.isEmpty else {
                // What was taken beyond the end belongs to the body: it came with this very input.
                let excess = table.byteCount - lineStart
                cursor -= excess
                table.removeLast(excess)
                return .complete
            }
            try readField(line)
        }
    }

    /// The end of the present line, and whether a CR of this line stands before it.
    private mutating func nextLineFeed() -> (place: Int, followsReturn: Bool)? {
        let start = lineStart, from = lineStart + scanned, count = table.byteCount
        guard from < count else { return nil }
        let found = table.withBytes { bytes -> (place: Int, followsReturn: Bool)? in
            guard let base = bytes.baseAddress, let at = memchr(base + from, 0x0A, count - from) else { return nil }
            let place = base.distance(to: UnsafeRawPointer(at))
            return (place, place > start && bytes[place - 1] == 0x0D)
        }
        if found == nil { scanned = count - lineStart }
        return found
    }

    private func checkLine(upTo end: Int) throws(HeadFault) {
        // One more than the line itself: its CR.
        guard hasStartLine || end - lineStart <= maximumStartLine + 1 else { throw .startLineTooLong }
    }

    /// Takes up to the end of the head where it can be seen, or a little more, and never more than a byte beyond the limit.
    private mutating func absorb(_ input: UnsafeRawBufferPointer, from cursor: inout Int) {
        let isLittle = input.count - cursor <= Self.littleInput
        let end = isLittle ? input.count : Self.endOfHead(in: input, from: cursor) ?? input.count
        let count = min(end - cursor, maximumBytes + 1 - table.byteCount)
        table.append(UnsafeRawBufferPointer(rebasing: input[cursor..<(cursor + count)]))
        cursor += count
    }

    /// Behind the first empty line that follows another line.
    private static func endOfHead(in input: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = input.baseAddress else { return nil }
        var from = start
        while from < input.count, let found = memchr(base + from, 0x0A, input.count - from) {
            let at = base.distance(to: UnsafeRawPointer(found))
            if at + 2 < input.count, input[at + 1] == 0x0D, input[at + 2] == 0x0A { return at + 3 }
            from = at + 1
        }
        return nil
    }

    private mutating func readField(_ line: Range<Int>) throws(HeadFault) {
        guard table.count < maximumFields else { throw .tooManyFields }
        table.append(try withBytes { (bytes) throws(HeadFault) in try Self.field(bytes, line) }, atMost: maximumFields)
    }

    private static func field(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(HeadFault) -> FieldTable.Entry {
        let start = line.lowerBound, end = line.upperBound
        guard !HTTPText.isBlank(bytes[start]) else { throw .folded }
        var colon = start
        while colon < end, ByteClass.token.contains(bytes[colon]) { colon += 1 }
        guard colon < end else { throw .missingColon }
        guard bytes[colon] == UInt8(ascii: ":"), colon > start else { throw .badName }
        var first = colon + 1, last = end
        while first < last, HTTPText.isBlank(bytes[first]) { first += 1 }
        while last > first, HTTPText.isBlank(bytes[last - 1]) { last -= 1 }
        guard HTTPText.isFieldValue(UnsafeRawBufferPointer(rebasing: bytes[first..<last])) else { throw .badValue }
        return FieldTable.Entry(name: Int32(start)..<Int32(colon), value: Int32(first)..<Int32(last))
    }
}
