/// What a stream has taken and the kernel has not, in order.
struct UnsentBytes {
    private var pieces: [[UInt8]] = []
    /// Of the first piece, what has left.
    private var offset = 0
    private(set) var count = 0

    /// Small pieces are put together up to this: a system call each would cost more than the copy.
    private static let joinedBytes = 64 << 10

    var isEmpty: Bool { pieces.isEmpty }

    var first: (bytes: [UInt8], from: Int)? { pieces.first.map { ($0, offset) } }

    /// Takes the bytes, which come back empty.
    mutating func append(_ bytes: inout [UInt8], from start: Int) {
        guard start < bytes.count else { return }
        if canJoin(bytes.count - start) { return join(bytes, from: start) }
        if pieces.isEmpty { offset = start } else { precondition(start == 0, "only the first may have left in part") }
        count += bytes.count - start
        pieces.append(bytes)
        bytes = []
    }

    mutating func append(_ bytes: [UInt8], from start: Int) {
        guard start < bytes.count else { return }
        if canJoin(bytes.count - start) { return join(bytes, from: start) }
        if pieces.isEmpty { offset = start } else { precondition(start == 0, "only the first may have left in part") }
        count += bytes.count - start
        pieces.append(bytes)
    }

    /// Not to the first: that one is being sent from where it lies.
    private func canJoin(_ more: Int) -> Bool { pieces.count > 1 && pieces[pieces.count - 1].count + more <= Self.joinedBytes }

    private mutating func join(_ bytes: [UInt8], from start: Int) {
        pieces[pieces.count - 1].append(contentsOf: bytes[start...])
        count += bytes.count - start
    }

    /// So many bytes of the first piece have left.
    mutating func took(_ taken: Int) {
        offset += taken
        count -= taken
        guard let first = pieces.first, offset == first.count else { return }
        pieces.removeFirst()
        offset = 0
    }

    mutating func removeAll() { self = UnsentBytes() }
}
