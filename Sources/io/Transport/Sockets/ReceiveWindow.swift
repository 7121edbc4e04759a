/// The bytes of a stream that were received and not used yet, in one piece, and room behind them.
///
/// Its memory grows where the traffic fills it, step by step, or at once for a large message that is wanted, and shrinks when such messages no longer come.
struct ReceiveWindow {
    private var buffer = ReceiveBuffer(byteCount: TransportLimits.receiveBytes)
    private var count = 0
    private var wasFull = false
    /// In a row that wanted no more than a busy stream's buffer.
    private var smallReceives = 0

    /// After so many the larger buffer is given back: eight seconds of heartbeats after a transfer.
    private static let receivesBeforeShrinking = 32

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: buffer.bytes, count: count) }

    /// Where the next bytes go; never empty.
    var room: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: buffer.bytes + count, count: buffer.byteCount - count)
    }

    mutating func filled(_ more: Int) {
        count += more
        wasFull = count == buffer.byteCount
    }

    /// Moves what was not used to the front, and makes room for the next unit.
    mutating func use(_ used: Int, wanted: Int) {
        let rest = count - used, capacity = buffer.byteCount
        var size = capacity
        if wasFull { size = max(size, min(capacity * 4, TransportLimits.receiveGrowthBytes)) }
        if wanted > size { size = wanted }
        // A large buffer is kept while large messages come: making one anew for each costs more than reading it.
        smallReceives = wanted > TransportLimits.receiveGrowthBytes ? 0 : min(smallReceives + 1, Self.receivesBeforeShrinking)
        if rest == 0, smallReceives == Self.receivesBeforeShrinking, capacity > TransportLimits.receiveGrowthBytes {
            size = TransportLimits.receiveGrowthBytes
        }
        if size != capacity {
            let other = ReceiveBuffer(byteCount: size)
            other.bytes.copyMemory(from: buffer.bytes + used, byteCount: rest)
            buffer = other
        } else if used > 0, rest > 0 {
            buffer.bytes.copyMemory(from: buffer.bytes + used, byteCount: rest)
        }
        count = rest
    }
}

/// Memory to receive into. It goes with the stream, not with `close()`: a handler may be reading a message when it closes its link.
final class ReceiveBuffer {
    let bytes: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) {
        self.byteCount = byteCount
        bytes = .allocate(byteCount: byteCount, alignment: 16)
    }

    deinit { bytes.deallocate() }
}
