/// The body of a WorkerEvents message while it is written: what `WorkerEventCursor` reads. Layout: `proto-spec/04-messages.md#workerevents`.
///
/// Blocks stored and removed are nine tenths of a stream: their hashes go from where they lie straight into the body. It is emptied and
/// filled again, so that at a steady state it takes no memory.
package struct WorkerEventWriter: Sendable {
    /// A place between two events.
    package struct Mark: Hashable, Sendable {
        package let byteCount: Int
        package let count: Int
    }

    /// With the count before the events.
    package private(set) var body: [UInt8] = []
    package private(set) var count = 0

    package init() { removeAll() }

    package var mark: Mark { Mark(byteCount: body.count, count: count) }

    package mutating func removeAll() {
        body.removeAll(keepingCapacity: true)
        body.appendLittleEndian(UInt32(0))
        count = 0
    }

    package mutating func append(_ event: WorkerEvent) {
        let start = begin(event.tag)
        var writer = WireWriter(), event = event
        swap(&writer.bytes, &body)
        do throws(WireError) { try event.layout(&writer) } catch { preconditionFailure("an event of our own does not encode: \(error)") }
        swap(&writer.bytes, &body)
        end(start)
    }

    /// As `BlocksStored`: a chain behind `parent`.
    package mutating func appendStored(rank: UInt32, tier: Tier, parent: UInt64?, hashes: Span<UInt64>) {
        let start = begin(1)
        body.appendLittleEndian(rank)
        body.append(tier.rawValue)
        body.append(parent == nil ? 0 : 1)
        if let parent { body.appendLittleEndian(parent) }
        append(hashes)
        end(start)
    }

    /// As `BlocksRemoved`.
    package mutating func appendRemoved(rank: UInt32, tier: Tier, hashes: Span<UInt64>) {
        let start = begin(2)
        body.appendLittleEndian(rank)
        body.append(tier.rawValue)
        append(hashes)
        end(start)
    }

    /// No event of so many hashes takes more.
    package static func mostBytes(hashes count: Int) -> Int { 5 + 4 + 1 + 9 + 4 + 8 * count }

    /// Takes what was appended behind `mark` out, for a batch of its own.
    package mutating func cut(at mark: Mark) -> (events: [UInt8], count: Int) {
        defer {
            body.removeLast(body.count - mark.byteCount)
            count = mark.count
            body.storeLittleEndian(UInt32(count), at: 0)
        }
        return (Array(body[mark.byteCount...]), count - mark.count)
    }

    package mutating func append(_ cut: (events: [UInt8], count: Int)) {
        body.append(contentsOf: cut.events)
        count += cut.count
        body.storeLittleEndian(UInt32(count), at: 0)
    }

    private mutating func begin(_ tag: UInt8) -> Int {
        body.append(tag)
        body.appendLittleEndian(UInt32(0))
        return body.count
    }

    private mutating func end(_ start: Int) {
        body.storeLittleEndian(UInt32(body.count - start), at: start - 4)
        count += 1
        body.storeLittleEndian(UInt32(count), at: 0)
    }

    private mutating func append(_ hashes: Span<UInt64>) {
        precondition(hashes.count <= Limits.hashesPerEvent, "a run of hashes is split before it exceeds the limit of an event")
        body.appendLittleEndian(UInt32(hashes.count))
        // Little-endian machines only, as in `WireWriter`.
        hashes.withUnsafeBytes { body.append(contentsOf: $0) }
    }
}
