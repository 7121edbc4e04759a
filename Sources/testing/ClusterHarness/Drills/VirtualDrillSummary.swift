import ClusterModel

/// Many runs of one drill: sums, and the worst of each figure with the seed that came to it.
package struct VirtualDrillSummary: Sendable {
    package let drill: VirtualDrill
    package private(set) var runs = 0
    package private(set) var held = 0
    private var requests = 0
    private var complete = 0
    private var errors = 0
    private var left = 0
    private var moved = 0
    private var worst: [DrillFigure: (span: Duration, seed: UInt64)] = [:]

    package init(_ drill: VirtualDrill) { self.drill = drill }

    package mutating func add(_ report: VirtualDrillReport) {
        runs += 1
        if report.violations.isEmpty { held += 1 }
        requests += report.requests
        complete += report.complete
        errors += report.errors
        left += report.left
        moved += report.moved
        for (figure, span) in report.measured where span > worst[figure]?.span ?? .nanoseconds(-1) {
            worst[figure] = (span, report.seed)
        }
    }

    package static let head = [
        "drill", "proves", "runs", "held", "requests", "complete", "errors", "left", "moved", "worst (may be; seed)",
    ]

    package var row: [String] {
        let counts = [runs, held, requests, complete, errors, left, moved].map(String.init)
        let times = drill.figures.compactMap { figure in
            worst[figure].map { worst in
                "\(figure.name) \(worst.span.inWords) (\(figure.limit.map { "\($0.inWords); " } ?? "")\(worst.seed))"
            }
        }
        return [drill.name, drill.proves] + counts + [times.joined(separator: ", ")]
    }
}
