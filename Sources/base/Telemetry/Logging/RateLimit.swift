/// At most so many lines a key in each interval; the rest is counted. Pure: the time comes in, in milliseconds of any one clock.
///
/// A key is what repeats: a peer, an error code. The interval of a key starts with its first line.
package struct RateLimit: Sendable {
    package enum Verdict: Equatable, Sendable {
        /// Write the line; so many were left out since the last one.
        case write(suppressed: Int)
        case suppress
    }

    /// What a key left out in an interval that is over.
    package struct Suppressed: Equatable, Sendable {
        package let key: String
        package let lines: Int

        package init(key: String, lines: Int) {
            self.key = key
            self.lines = lines
        }
    }

    /// Keys watched at once; peers choose some of them, so the table must not grow with them.
    package static let defaultKeyLimit = 1_024
    /// Under this name appear the keys that came when the table was full; they share one allowance.
    package static let otherKeys = "(other)"

    private struct Window {
        var start: Int64
        var written = 0
        var suppressed = 0

        /// A clock that was set back ends the interval too: better a line too many than silence until it catches up.
        func isOver(at now: Int64, interval: Int64) -> Bool {
            let (elapsed, overflow) = now.subtractingReportingOverflow(start)
            return overflow || elapsed < 0 || elapsed >= interval
        }

        mutating func admit(at now: Int64, lines: Int, interval: Int64) -> Verdict {
            var carried = 0
            if isOver(at: now, interval: interval) {
                carried = suppressed
                self = Window(start: now)
            }
            guard written < lines else {
                suppressed += 1
                return .suppress
            }
            written += 1
            return .write(suppressed: carried)
        }
    }

    private let linesPerInterval: Int
    private let interval: Int64
    private let keyLimit: Int
    private var windows: [String: Window] = [:]
    private var others: Window?
    private var lastSweep: Int64?

    package init(lines: Int, perMilliseconds interval: Int64, keyLimit: Int = RateLimit.defaultKeyLimit) {
        precondition(lines > 0 && interval > 0 && keyLimit > 0, "a rate limit lets something through")
        linesPerInterval = lines
        self.interval = interval
        self.keyLimit = keyLimit
    }

    package mutating func admit(_ key: String, atMilliseconds now: Int64) -> Verdict {
        if windows[key] == nil, windows.count >= keyLimit { makeRoom(at: now) }
        if windows[key] != nil || windows.count < keyLimit {
            return windows[key, default: Window(start: now)].admit(at: now, lines: linesPerInterval, interval: interval)
        }
        var window = others ?? Window(start: now)
        defer { others = window }
        return window.admit(at: now, lines: linesPerInterval, interval: interval)
    }

    /// Forgets intervals that are over and returns what they left out, by key. Call it from a timer: without it the count of a key that
    /// fell silent is never told.
    package mutating func expire(atMilliseconds now: Int64) -> [Suppressed] {
        var ended: [Suppressed] = []
        windows = windows.filter { key, window in
            guard window.isOver(at: now, interval: interval) else { return true }
            if window.suppressed > 0 { ended.append(Suppressed(key: key, lines: window.suppressed)) }
            return false
        }
        if let window = others, window.isOver(at: now, interval: interval) {
            if window.suppressed > 0 { ended.append(Suppressed(key: Self.otherKeys, lines: window.suppressed)) }
            others = nil
        }
        return ended.sorted { $0.key < $1.key }
    }

    /// At most once an interval, so that a flood of new keys does not pay for a sweep each. Counts not yet told move to `others`.
    private mutating func makeRoom(at now: Int64) {
        if let lastSweep, !Window(start: lastSweep).isOver(at: now, interval: interval) { return }
        lastSweep = now
        var untold = 0
        windows = windows.filter { _, window in
            guard window.isOver(at: now, interval: interval) else { return true }
            untold += window.suppressed
            return false
        }
        guard untold > 0 else { return }
        var window = others ?? Window(start: now)
        window.suppressed += untold
        others = window
    }
}

extension Logger {
    /// The logger to write a limited line with, or `nil` to leave it out. Where lines were left out before, the line says how many.
    package func limited(_ verdict: RateLimit.Verdict) -> Logger? {
        switch verdict {
        case .suppress: nil
        case .write(suppressed: 0): self
        case .write(let suppressed): with(["suppressed": .count(suppressed)])
        }
    }
}
