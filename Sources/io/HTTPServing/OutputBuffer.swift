/// Bytes that wait for the kernel, of one connection.
struct OutputBuffer: Sendable {
    /// Whoever writes may take them out and put them back; nothing is sent meanwhile.
    var bytes: [UInt8] = []
    private var sent = 0

    /// What a slow reader's buffer moves at least when its front has left.
    private static let compactionBytes = 64 << 10

    var unsent: Int { bytes.count - sent }
    var isEmpty: Bool { bytes.count == sent }

    func withUnsent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    }

    /// The kernel took them. Bytes that are all gone leave their buffer behind, for the pool.
    mutating func dropFirst(_ count: Int) -> [UInt8]? {
        sent += count
        if sent == bytes.count {
            sent = 0
            var emptied: [UInt8] = []
            swap(&emptied, &bytes)
            return emptied
        }
        if sent >= Self.compactionBytes, sent > bytes.count / 2 {
            bytes.removeFirst(sent)
            sent = 0
        }
        return nil
    }

    mutating func append(_ more: inout [UInt8]) {
        if bytes.isEmpty { swap(&bytes, &more) } else { bytes.append(contentsOf: more) }
        more = []
    }
}

/// Buffers between two uses: a stream at rest holds none, and a stream at work allocates none.
struct BufferPool: Sendable {
    private var free: [[UInt8]] = []
    /// Of all that are free.
    private var freeBytes = 0

    /// As many as streams can be at work in one turn; more are allocated and freed, which costs little.
    private static let mostBuffers = 1024
    private static let mostFreeBytes = 4 << 20
    /// Larger ones were for one large answer. So many take the events of a stream that fell behind for a moment.
    private static let mostBytes = 16 << 10
    /// A first event with its head, without growing.
    private static let firstBytes = 512

    mutating func take() -> [UInt8] {
        if let buffer = free.popLast() {
            freeBytes -= buffer.capacity
            return buffer
        }
        var buffer: [UInt8] = []
        buffer.reserveCapacity(Self.firstBytes)
        return buffer
    }

    mutating func give(_ buffer: consuming [UInt8]) {
        let bytes = buffer.capacity
        guard bytes > 0, bytes <= Self.mostBytes, free.count < Self.mostBuffers, freeBytes + bytes <= Self.mostFreeBytes else { return }
        buffer.removeAll(keepingCapacity: true)
        freeBytes += bytes
        free.append(buffer)
    }
}
