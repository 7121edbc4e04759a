/// One thing that goes wrong in a simulated cluster, and what must hold all the same, its times among it: they are virtual, and the cluster's
/// alone. The drills of `Chaos` break real processes in the same ways; there no time is judged.
package struct VirtualDrill: Sendable {
    package let name: String
    /// Rows of the project's list of required behaviours that it is about; see `Tests/README.md`.
    package let proves: String
    package let summary: String
    /// What it measures.
    package let figures: [DrillFigure]
    private let play: @Sendable (VirtualStage) throws -> Void

    init(
        _ name: String, proves: String, _ summary: String, _ figures: [DrillFigure], play: @escaping @Sendable (VirtualStage) throws -> Void
    ) {
        self.name = name
        self.proves = proves
        self.summary = summary
        self.figures = figures
        self.play = play
    }

    package static let all: [VirtualDrill] =
        StreamDrills.all + [WorkerChurn.drill, EarlyLeavers.drill, FailingLegs.drill, PoorNetworks.drill, Overload.drill] + RetryStorms.all
        + [Bursts.drill, ClockSteps.drill] + EventDrills.all

    /// By its name, or by a row that they prove.
    package static func named(_ word: String) -> [VirtualDrill] {
        all.filter { $0.name == word || $0.proves.lowercased() == word.lowercased() }
    }

    /// The same seed, the same run.
    package func run(seed: UInt64, _ size: DrillSize = .whole, keepsLogs: Bool = false) -> VirtualDrillReport {
        let stage = VirtualStage(self, seed: seed, size)
        do { try play(stage) } catch { stage.violated("\(error)") }
        return stage.close(keepsLogs: keepsLogs)
    }
}

/// How much a run asks of its cluster.
package enum DrillSize: String, CaseIterable, Sendable {
    /// A few requests of each kind: a build without optimisation takes some seconds.
    case short
    /// As many as the row asks for, or what a run of many seeds comes to.
    case whole
}

/// A time that a drill measures, and what it may come to.
package struct DrillFigure: Hashable, Sendable {
    package let name: String
    /// Longer is a violation; nil: it is told only.
    package let limit: Duration?

    init(_ name: String, atMost limit: Duration?) {
        self.name = name
        self.limit = limit
    }
}
