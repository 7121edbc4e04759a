import HTTPSyntax

/// Reads requests from the bytes of one connection as they arrive. Pure: it knows no socket, no clock and no server.
///
/// The same bytes give the same requests and the same refusal, however they are cut. After a refusal it reads nothing more.
struct RequestParser: ~Copyable, Sendable {
    enum Event: Sendable {
        case needsMore
        /// A head is complete; the owner decides about its body with `readBody` before it goes on.
        case head(RequestHead)
        /// The request whose head was told last is complete.
        case complete
    }

    private enum Phase {
        case head
        case decision(BodyFraming)
        case length(Int)
        case chunked(ChunkedDecoder)
        case complete
        case refused
    }

    private var reader: HeadReader
    /// The start line, and what it becomes part of when the head is complete.
    private var line: RequestHead.Line?
    private var head: RequestHead?
    private var phase = Phase.head
    private var maximumBody = 0
    private var keepsBody = true
    private var bodyBytes = 0
    private(set) var body: [UInt8] = []
    private let maximumTarget: Int

    /// A body that is announced takes this much at once and the rest as it comes: an announcement costs a client nothing.
    private static let firstBodyBytes = 64 << 10

    init(_ limits: HTTPLimits) {
        maximumTarget = limits.targetBytes
        reader = HeadReader(
            maximumBytes: limits.headerBytes, maximumStartLine: limits.targetBytes + RequestHead.Line.bytesBesideTarget,
            maximumFields: limits.headerCount)
    }

    /// Reads the next request, of which nothing has been read, into the memory of another that is over. Nobody else holds its head.
    mutating func reuse(_ head: consuming RequestHead, body: consuming [UInt8]) {
        reader.reuse(head.takeTable())
        self.head = head
        body.removeAll(keepingCapacity: true)
        self.body = body
    }

    /// Nothing of a next request has been read.
    private(set) var isBetweenRequests = true

    /// What is being read, or was refused while it was, asks for an answer without a body.
    private(set) var isReadingHead = false

    var isInBody: Bool {
        switch phase {
        case .length, .chunked: true
        default: false
        }
    }

    /// Reads from `input` at `cursor`, which moves behind what was used.
    mutating func next(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(HTTPRefusal) -> Event {
        do throws(HTTPRefusal) {
            switch phase {
            case .head: return try readHead(input, from: &cursor)
            case .decision: preconditionFailure("the owner decides about a body before it reads on")
            case .length(let remaining): return try readLength(remaining, input, from: &cursor)
            case .chunked(var decoder):
                defer { if case .chunked = phase { phase = .chunked(decoder) } }
                return try readChunks(&decoder, input, from: &cursor)
            case .complete: return complete()
            case .refused: return .needsMore
            }
        } catch {
            refuse()
            throw error
        }
    }

    /// Decides what happens to the body of the request whose head was told: it is kept, or read and thrown away. Neither beyond `maximum`.
    mutating func readBody(upTo maximum: Int, keeping: Bool) throws(HTTPRefusal) {
        guard case .decision(let framing) = phase else { preconditionFailure("there is no body to decide about") }
        maximumBody = maximum
        keepsBody = keeping
        bodyBytes = 0
        switch framing {
        case .none: phase = .complete
        case .chunked: phase = .chunked(ChunkedDecoder())
        case .length(let length):
            guard length <= maximum else {
                refuse()
                throw .bodyTooLarge
            }
            phase = .length(length)
            if keeping { body.reserveCapacity(min(length, Self.firstBodyBytes)) }
        }
    }

    mutating func takeBody() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &body)
        return taken
    }

    mutating func stop() {
        refuse()
        body = []
    }

    private mutating func refuse() {
        phase = .refused
        isBetweenRequests = false
    }

    // MARK: Parts

    private mutating func readHead(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(HTTPRefusal) -> Event {
        while true {
            let progress: HeadReader.Progress
            do throws(HeadFault) { progress = try reader.read(input, from: &cursor) } catch { throw HTTPRefusal(error) }
            switch progress {
            case .needsMore:
                isBetweenRequests = reader.isEmpty
                return .needsMore
            case .startLine(let place):
                let line = try reader.withBytes { (bytes) throws(HTTPRefusal) in
                    try RequestHead.Line(bytes, at: place, maximumTarget: maximumTarget)
                }
                isReadingHead = line.method == .head
                self.line = line
            case .complete:
                guard let line = line.take() else { preconditionFailure("a head has a start line") }
                let head = head.take() ?? RequestHead()
                try head.fill(line, reader.take())
                isReadingHead = false
                phase = .decision(head.framing)
                isBetweenRequests = false
                return .head(head)
            }
        }
    }

    private mutating func readLength(
        _ remaining: Int, _ input: UnsafeRawBufferPointer, from cursor: inout Int
    ) throws(HTTPRefusal) -> Event {
        let count = min(remaining, input.count - cursor)
        if keepsBody { body.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[cursor..<(cursor + count)])) }
        cursor += count
        guard count == remaining else {
            phase = .length(remaining - count)
            return .needsMore
        }
        return complete()
    }

    private mutating func readChunks(
        _ decoder: inout ChunkedDecoder, _ input: UnsafeRawBufferPointer, from cursor: inout Int
    ) throws(HTTPRefusal) -> Event {
        while true {
            let step: ChunkedDecoder.Step
            do throws(ChunkFault) { step = try decoder.next(input, from: &cursor) } catch { throw HTTPRefusal(error) }
            switch step {
            case .needsMore: return .needsMore
            case .data(let place):
                bodyBytes += place.count
                guard bodyBytes <= maximumBody else { throw .bodyTooLarge }
                if keepsBody { body.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[place])) }
            case .end: return complete()
            }
        }
    }

    private mutating func complete() -> Event {
        phase = .head
        isBetweenRequests = true
        return .complete
    }
}
