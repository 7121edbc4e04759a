import HTTPSyntax

/// Reads answers from the bytes of one connection, strictly: an answer that has two readings has none.
struct ResponseParser: ~Copyable, Sendable {
    enum Event: Sendable {
        case needsMore
        /// The head of the answer; interim ones are passed over.
        case head(HTTPClientHead)
        /// A part of the body, as a place in the input.
        case part(Range<Int>)
        case complete
    }

    private enum Phase {
        case head
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case complete
    }

    private var reader: HeadReader
    private var status = 0
    private var isMinorZero = false
    private var phase = Phase.head
    private var interimLeft: Int
    private let isHead: Bool
    /// After this answer the connection can carry another.
    private(set) var keepsConnection = false
    private(set) var hasBegun = false

    /// - Parameter answersHead: the request was HEAD, whose answer has a length but no body.
    init(_ limits: HTTPClientLimits, answersHead: Bool) {
        reader = HeadReader(
            maximumBytes: limits.headerBytes, maximumStartLine: Self.mostStatusLineBytes, maximumFields: limits.headerCount)
        interimLeft = limits.interimAnswers
        isHead = answersHead
    }

    private static let mostStatusLineBytes = 1 << 10

    mutating func next(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(HTTPClientError) -> Event {
        switch phase {
        case .head: return try readHead(input, from: &cursor)
        case .complete: return .complete
        case .untilClose:
            guard cursor < input.count else { return .needsMore }
            defer { cursor = input.count }
            return .part(cursor..<input.count)
        case .length(let remaining):
            guard remaining > 0 else {
                phase = .complete
                return .complete
            }
            guard cursor < input.count else { return .needsMore }
            let place = cursor..<(cursor + min(remaining, input.count - cursor))
            cursor = place.upperBound
            phase = .length(remaining - place.count)
            return .part(place)
        case .chunked(var decoder):
            let step: ChunkedDecoder.Step
            do throws(ChunkFault) { step = try decoder.next(input, from: &cursor) } catch { throw .malformed("chunks: \(error)") }
            phase = .chunked(decoder)
            switch step {
            case .needsMore: return .needsMore
            case .data(let place): return .part(place)
            case .end:
                phase = .complete
                return .complete
            }
        }
    }

    /// Whether the end of the connection is the end of the answer.
    var endsWithConnection: Bool {
        switch phase {
        case .untilClose, .complete: true
        case .head, .length, .chunked: false
        }
    }

    private mutating func readHead(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(HTTPClientError) -> Event {
        while true {
            if cursor < input.count { hasBegun = true }
            let progress: HeadReader.Progress
            do throws(HeadFault) { progress = try reader.read(input, from: &cursor) } catch {
                throw error == .tooLong || error == .tooManyFields ? .tooLarge : .malformed("\(error)")
            }
            switch progress {
            case .needsMore: return .needsMore
            case .startLine(let place):
                let line = reader.withBytes { bytes in Self.status(UnsafeRawBufferPointer(rebasing: bytes[place])) }
                guard let line else { throw .malformed("status line") }
                (status, isMinorZero) = line
            case .complete:
                let table = reader.take()
                guard status >= 200 else {
                    guard status != 101 else { throw .malformed("an upgrade that nobody asked for") }
                    interimLeft -= 1
                    guard interimLeft >= 0 else { throw .tooLarge }
                    continue
                }
                phase = try framing(table)
                return .head(HTTPClientHead(status: status, table: table))
            }
        }
    }

    private mutating func framing(_ table: FieldTable) throws(HTTPClientError) -> Phase {
        keepsConnection = !isMinorZero
        if table.contains("connection") {
            let options = table.values(of: "connection").flatMap { $0.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" } }
            keepsConnection = !options.contains("close") && (!isMinorZero || options.contains("keep-alive"))
        }
        let isCoded = table.contains("transfer-encoding")
        var lengths = 0, length: Int?
        table.forEachValue(of: "content-length") {
            lengths += 1
            length = HTTPText.decimal($0)
        }
        guard !isCoded || lengths == 0 else { throw .malformed("both a Content-Length and a Transfer-Encoding") }
        if isHead || status == 204 || status == 304 { return .length(0) }
        if isCoded {
            let codings = table.values(of: "transfer-encoding")
            guard codings.count == 1, codings[0].lowercased() == "chunked", !isMinorZero else { throw .malformed("Transfer-Encoding") }
            return .chunked(ChunkedDecoder())
        }
        guard lengths > 0 else {
            keepsConnection = false
            return .untilClose
        }
        guard lengths == 1, let length else { throw .malformed("Content-Length") }
        return .length(length)
    }

    /// `HTTP/1.1 200 OK`, whose reason may be empty.
    private static func status(_ line: UnsafeRawBufferPointer) -> (Int, Bool)? {
        guard line.count >= 12, line.prefix(7).elementsEqual("HTTP/1.".utf8), line[8] == 0x20,
            line[7] == UInt8(ascii: "0") || line[7] == UInt8(ascii: "1"),
            let code = HTTPText.decimal(UnsafeRawBufferPointer(rebasing: line[9..<12])), (100...599).contains(code),
            line.count == 12 || line[12] == 0x20, HTTPText.isEvery(line, .fieldValue)
        else { return nil }
        return (code, line[7] == UInt8(ascii: "0"))
    }
}
