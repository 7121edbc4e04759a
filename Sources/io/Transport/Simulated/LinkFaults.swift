/// What the way from one host to another does to what travels on it. The defaults are a quiet local network.
package struct LinkFaults: Hashable, Sendable {
    /// Before anything arrives.
    package var delay = Duration.microseconds(100)
    /// Up to this is added to `delay`, drawn anew for each piece. Bytes of a stream never overtake each other for it.
    package var jitter = Duration.microseconds(100)
    /// nil: as fast as the buffers allow.
    package var bytesPerSecond: Int?
    /// What the kernels of both ends hold for one direction of a stream, unread bytes included; a sender past it is stalled.
    package var bufferBytes = 256 << 10
    /// A stream's bytes travel in pieces of random sizes up to this.
    package var chunkBytes = 64 << 10

    /// Of the pieces of streams, 0 to 1: they are sent again, and so late that everything behind them is held up.
    package var streamLoss = 0.0

    // Of feeds only; probabilities from 0 to 1, for each message.
    package var feedLoss = 0.0
    package var feedDuplication = 0.0
    package var feedReordering = 0.0

    package init() {}
}

/// The faults of all ways between hosts: a value, so that a failing run can be described and repeated.
package struct FaultPlan: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        let from: String
        let to: String
        var faults: LinkFaults
    }

    /// Of every way that has none of its own.
    package var standard = LinkFaults()
    private var entries: [Entry] = []

    package init(_ standard: LinkFaults = LinkFaults()) { self.standard = standard }

    /// The faults of one direction between two hosts.
    package subscript(from: String, to: String) -> LinkFaults {
        get { entries.first { $0.from == from && $0.to == to }?.faults ?? standard }
        set {
            if let index = entries.firstIndex(where: { $0.from == from && $0.to == to }) {
                entries[index].faults = newValue
            } else {
                entries.append(Entry(from: from, to: to, faults: newValue))
            }
        }
    }

    /// Sets both directions between two hosts.
    package mutating func set(between a: String, and b: String, _ faults: LinkFaults) {
        self[a, b] = faults
        self[b, a] = faults
    }
}

/// How a connection breaks.
package enum StreamBreak: Sendable {
    /// As if the other side had closed it: what arrived before can be read.
    case closed
    /// As a reset: what was not read yet may be lost.
    case reset
}

/// How a process ends.
package enum ProcessDeath: Sendable {
    /// Its kernel lives and resets its connections.
    case reset
    /// Its host is gone: peers hear nothing.
    case silent
}
