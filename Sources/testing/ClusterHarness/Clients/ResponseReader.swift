/// Reads one HTTP/1.1 response from bytes as they come, and refuses what a strict client would refuse.
///
/// Written beside `io/HTTPClient` on purpose: what judges the frontend's answers shares no code with what made them.
package struct ResponseReader: Sendable {
    package enum State: Hashable, Sendable {
        case head
        /// Bytes of the body that are still to come.
        case fixed(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        /// Without a length: the end of the connection ends it.
        case untilClosed
        case complete
        case failed(String)
    }

    /// No answer of ours has a longer head or line.
    private static let longestLine = 16 << 10

    package private(set) var state = State.head
    package private(set) var status = 0
    /// Names in lower case, in the order in which they came.
    package private(set) var headers: [(name: String, value: String)] = []
    /// What came of the body; whoever reads it may empty it.
    package var body: [UInt8] = []
    private var line: [UInt8] = []
    private var isStatusLine = true

    package init() {}

    package subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

    package var isComplete: Bool { state == .complete }
    package var failure: String? { if case .failed(let why) = state { why } else { nil } }

    package mutating func take(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let first = rest.first {
            switch state {
            case .fixed(let left):
                rest = consume(rest, left) { $0 == 0 ? .complete : .fixed($0) }
            case .chunk(let left):
                rest = consume(rest, left) { $0 == 0 ? .chunkEnd : .chunk($0) }
            case .untilClosed:
                body += rest
                return
            case .complete:
                state = .failed("\(rest.count) bytes behind the end of the response")
                return
            case .failed:
                return
            case .head, .chunkSize, .chunkEnd, .trailers:
                rest = rest.dropFirst()
                line.append(first)
                if line.count > Self.longestLine { state = .failed("a line of more than \(Self.longestLine) bytes") }
                if first == UInt8(ascii: "\n") { endLine() }
            }
        }
    }

    /// The server sends no more.
    package mutating func end() {
        switch state {
        case .untilClosed: state = .complete
        case .complete, .failed: break
        case .head: state = .failed(headers.isEmpty && status == 0 ? "closed without an answer" : "closed inside the head")
        case .fixed, .chunkSize, .chunk, .chunkEnd, .trailers: state = .failed("closed inside the body")
        }
    }

    package mutating func broke(_ why: String) {
        if state != .complete, failure == nil { state = .failed(why) }
    }

    private mutating func consume(_ bytes: ArraySlice<UInt8>, _ left: Int, then next: (Int) -> State) -> ArraySlice<UInt8> {
        let taken = bytes.prefix(left)
        body += taken
        state = next(left - taken.count)
        return bytes.dropFirst(taken.count)
    }

    // MARK: Lines

    private mutating func endLine() {
        guard line.count >= 2, line[line.count - 2] == UInt8(ascii: "\r") else {
            state = .failed("a line ends without a carriage return")
            return
        }
        let text = String(decoding: line.dropLast(2), as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        switch state {
        case .head:
            if isStatusLine { readStatus(text) } else if text.isEmpty { endHead() } else { readHeader(text) }
        case .chunkSize:
            // Chunk extensions are legal, and nothing of ours sends them.
            guard !text.isEmpty, text.utf8.count <= 8, let size = Int(text, radix: 16), size >= 0 else {
                state = .failed("'\(text.prefix(20))' is no chunk size")
                return
            }
            state = size == 0 ? .trailers : .chunk(size)
        case .chunkEnd:
            state = text.isEmpty ? .chunkSize : .failed("a chunk is longer than it said")
        case .trailers:
            state = text.isEmpty ? .complete : .failed("trailers, which nobody asked for")
        default: break
        }
    }

    private mutating func readStatus(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "HTTP/1.1", parts[1].utf8.count == 3, let code = Int(parts[1]), (100...599).contains(code)
        else {
            state = .failed("'\(text.prefix(40))' is no status line")
            return
        }
        status = code
        isStatusLine = false
    }

    private mutating func readHeader(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex,
            text[..<colon].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), text.first != " "
        else {
            state = .failed("'\(text.prefix(40))' is no header")
            return
        }
        let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers.append((text[..<colon].lowercased(), String(value)))
    }

    private mutating func endHead() {
        // An interim answer is followed by the real one.
        if (100...199).contains(status) {
            (status, headers, isStatusLine) = (0, [], true)
            return
        }
        let lengths = headers.filter { $0.name == "content-length" }, codings = headers.filter { $0.name == "transfer-encoding" }
        switch (lengths.count, codings.count) {
        case (0, 1): state = codings[0].value.lowercased() == "chunked" ? .chunkSize : .failed("an unknown transfer coding")
        case (1, 0):
            guard let length = Int(lengths[0].value), length >= 0, lengths[0].value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                state = .failed("'\(lengths[0].value.prefix(20))' is no length")
                return
            }
            state = length == 0 ? .complete : .fixed(length)
        case (0, 0): state = status == 204 || status == 304 ? .complete : .untilClosed
        default: state = .failed("a body framed twice")
        }
    }
}
