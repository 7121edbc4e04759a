/// What a stream has taken and the kernel has not, in order.
struct UnsentBytes {
    private struct Piece {
        var bytes: [UInt8]
        /// Nobody else has it, so its buffer may be used again.
        let isOwn: Bool
    }

    private var pieces: [Piece] = []
    /// Of the first piece, what has left.
    private var offset = 0
    private(set) var count = 0
    /// The buffer of a piece that has left: the next one that is taken comes back as this, so that a busy stream makes none.
    private var spare: [UInt8] = []

    /// Small pieces are put together up to this: a system call each would cost more than the copy.
    private static let joinedBytes = 64 << 10

    var isEmpty: Bool { pieces.isEmpty }

    var first: (bytes: [UInt8], from: Int)? { pieces.first.map { ($0.bytes, offset) } }

    /// Takes the bytes, which come back empty.
    mutating func append(_ bytes: inout [UInt8], from start: Int) {
        guard start < bytes.count else { return }
        if canJoin(bytes.count - start) { return join(bytes, from: start) }
        take(Piece(bytes: bytes, isOwn: true), from: start)
        bytes = exchange(&spare, with: [])
    }

    mutating func append(_ bytes: [UInt8], from start: Int) {
        guard start < bytes.count else { return }
        if canJoin(bytes.count - start) { return join(bytes, from: start) }
        take(Piece(bytes: bytes, isOwn: false), from: start)
    }

    private mutating func take(_ piece: Piece, from start: Int) {
        if pieces.isEmpty { offset = start } else { precondition(start == 0, "only the first may have left in part") }
        count += piece.bytes.count - start
        pieces.append(piece)
    }

    /// Not to the first: that one is being sent from where it lies. Nor to what others hold, which would be copied whole.
    private func canJoin(_ more: Int) -> Bool {
        guard pieces.count > 1, let last = pieces.last else { return false }
        return last.isOwn && last.bytes.count + more <= Self.joinedBytes
    }

    private mutating func join(_ bytes: [UInt8], from start: Int) {
        pieces[pieces.count - 1].bytes.append(contentsOf: bytes[start...])
        count += bytes.count - start
    }

    /// So many bytes of the first piece have left.
    mutating func took(_ taken: Int) {
        offset += taken
        count -= taken
        guard let first = pieces.first, offset == first.bytes.count else { return }
        offset = 0
        var left = pieces.removeFirst()
        guard left.isOwn, left.bytes.capacity > spare.capacity else { return }
        swap(&spare, &left.bytes)
        spare.removeAll(keepingCapacity: true)
    }

    /// Gives the buffer back that is kept for the next piece.
    mutating func dropSpare() { spare = [] }

    mutating func removeAll() { self = UnsentBytes() }
}
