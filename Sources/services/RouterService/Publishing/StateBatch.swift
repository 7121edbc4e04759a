import WireProtocol

/// Encoded changes on their way into one message of the router's stream.
struct StateBatch {
    private(set) var count = 0
    private var bytes: [UInt8] = []

    var isEmpty: Bool { count == 0 }

    /// Appends a change, unless the message would grow past its limit: then it is for the next one.
    mutating func append(_ change: RouterChange) -> Bool {
        let start = bytes.count
        Self.append(change, to: &bytes)
        guard bytes.count <= RouterLimits.feedBodyBytes, count < Limits.eventsPerBatch else {
            bytes.removeLast(bytes.count - start)
            return false
        }
        count += 1
        return true
    }

    /// The body of a RouterState.
    func write(to message: inout [UInt8]) {
        message.appendLittleEndian(UInt32(count))
        message.append(contentsOf: bytes)
    }

    mutating func removeAll() {
        count = 0
        bytes.removeAll(keepingCapacity: true)
    }

    private static func append(_ change: RouterChange, to bytes: inout [UInt8]) {
        bytes.append(change.tag)
        let start = bytes.count
        bytes.appendLittleEndian(UInt32(0))
        var writer = WireWriter(), change = change
        swap(&writer.bytes, &bytes)
        do throws(WireError) { try writer.append(&change) } catch { preconditionFailure("writing a change failed: \(error)") }
        swap(&writer.bytes, &bytes)
        bytes.storeLittleEndian(UInt32(bytes.count - start - 4), at: start)
    }
}
