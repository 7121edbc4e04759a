import ClusterModel

/// What came of one run of a drill.
package struct VirtualDrillReport: Sendable {
    package let drill: String
    package let seed: UInt64
    package let size: DrillSize
    /// Which of its cases it was, in words.
    package internal(set) var scenario = ""
    /// Equal for equal seeds, in every process.
    package internal(set) var traceHash: UInt64 = 0
    package internal(set) var requests = 0
    package internal(set) var complete = 0
    /// Ended by an error of the agreed form.
    package internal(set) var errors = 0
    /// Their clients left, as they had in mind.
    package internal(set) var left = 0
    /// Attempts that another worker had to take over.
    package internal(set) var moved = 0
    /// The worst of each figure that this run came to measure.
    package internal(set) var measured: [(figure: DrillFigure, span: Duration)] = []
    /// Empty when all held.
    package internal(set) var violations: [String] = []
    /// What each process logged last, of a run that did not hold.
    package internal(set) var logs: [(name: String, lines: [String])] = []

    init(_ drill: String, seed: UInt64, _ size: DrillSize) {
        self.drill = drill
        self.seed = seed
        self.size = size
    }

    mutating func measure(_ figure: DrillFigure, _ span: Duration) {
        if let place = measured.firstIndex(where: { $0.figure == figure }) {
            measured[place].span = max(measured[place].span, span)
        } else {
            measured.append((figure, span))
        }
    }

    package var repeated: String { "wiretool simulate --drill \(drill) --size \(size.rawValue) --seed \(seed) --verbose" }

    package var line: String {
        let times = measured.map { "\($0.figure.name) \($0.span.inWords)" }.joined(separator: ", ")
        return "\(drill), seed \(seed): \(scenario); trace \(String(traceHash, radix: 16)), \(requests) requests, \(complete) complete, "
            + "\(errors) errors, \(left) left, \(moved) moved; \(times.isEmpty ? "nothing measured" : times); \(violations.count) violations"
    }
}

extension Duration {
    /// For people: to the tenth of a millisecond below a second, else to the hundredth of a second.
    package var inWords: String {
        let microseconds = inMicroseconds
        guard microseconds >= 1_000_000 else { return "\(microseconds / 1_000).\(microseconds / 100 % 10) ms" }
        let hundredths = microseconds / 10_000 % 100
        return "\(microseconds / 1_000_000).\(hundredths < 10 ? "0" : "")\(hundredths) s"
    }
}
