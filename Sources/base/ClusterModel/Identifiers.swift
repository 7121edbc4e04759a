/// A 64-bit name whose text is sixteen hexadecimal digits.
package protocol WordIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    var rawValue: UInt64 { get }
    init(_ rawValue: UInt64)
}

extension WordIdentifier {
    /// Nil unless the text is exactly sixteen hexadecimal digits.
    package init?(text: some StringProtocol) {
        guard let word = Hexadecimal.word(text) else { return nil }
        self.init(word)
    }

    @inline(__always)
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package var description: String { Hexadecimal.text(rawValue) }
}

/// A worker process, the same over its lives.
package struct WorkerID: WordIdentifier {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A router process.
package struct RouterID: WordIdentifier {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A frontend in one of its lives: its nonce.
package struct FrontendID: WordIdentifier {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One life of a process: state of another generation is not its state.
package struct Generation: WordIdentifier {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One data-parallel replica inside a worker, counted from 0.
package struct Rank: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    package var description: String { String(rawValue) }
}

/// Where a request can run: one rank of one worker. Its text is `worker/rank`.
package struct Placement: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let worker: WorkerID
    package let rank: Rank

    package init(worker: WorkerID, rank: Rank) {
        self.worker = worker
        self.rank = rank
    }

    package static func < (left: Placement, right: Placement) -> Bool { (left.worker, left.rank) < (right.worker, right.rank) }
    package var description: String { "\(worker)/\(rank)" }
}

/// A request inside the cluster: the frontend's nonce and its count. What a client calls its request is a label, never this.
/// Its text is `origin-counter`, sixteen hexadecimal digits each.
package struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let origin: UInt64
    package let counter: UInt64

    package init(origin: UInt64, counter: UInt64) {
        self.origin = origin
        self.counter = counter
    }

    package init?(text: String) {
        guard let (origin, counter) = Hexadecimal.pair(text) else { return nil }
        self.init(origin: origin, counter: counter)
    }

    /// Who made it, and hears of it.
    package var frontend: FrontendID { FrontendID(origin) }

    package static func < (left: RequestID, right: RequestID) -> Bool { (left.origin, left.counter) < (right.origin, right.counter) }
    package var description: String { Hexadecimal.text(origin, counter) }
}

/// A router's booking of a placement. Its text is `router-number`, sixteen hexadecimal digits each.
package struct LeaseID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let router: RouterID
    package let number: UInt64

    package init(router: RouterID, number: UInt64) {
        self.router = router
        self.number = number
    }

    package init?(text: String) {
        guard let (router, number) = Hexadecimal.pair(text) else { return nil }
        self.init(router: RouterID(router), number: number)
    }

    package static func < (left: LeaseID, right: LeaseID) -> Bool { (left.router, left.number) < (right.router, right.number) }
    package var description: String { Hexadecimal.text(router.rawValue, number) }
}

/// Which try of a request this is, counted from 0: work is started at most once per request and attempt.
package struct Attempt: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt8
    package init(_ rawValue: UInt8) { self.rawValue = rawValue }

    package static let first = Attempt(0)

    /// Nil behind the last one that can be counted.
    package var next: Attempt? { rawValue == .max ? nil : Attempt(rawValue + 1) }

    package static func < (left: Attempt, right: Attempt) -> Bool { left.rawValue < right.rawValue }
    package var description: String { String(rawValue) }
}

extension Hexadecimal {
    /// The two words of a text like `0123456789abcdef-0123456789abcdef`.
    fileprivate static func pair(_ text: String) -> (UInt64, UInt64)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = word(parts[0]), let second = word(parts[1]) else { return nil }
        return (first, second)
    }
}
