import EventLoop

/// One thing that goes wrong in a cluster of real processes, and what must hold all the same.
package struct Drill: Sendable {
    package let name: String
    /// Rows of the project's list of required behaviours that it is about; see `Tests/README.md`.
    package let proves: String
    package let summary: String
    /// One row a case; a drill of many cases says each as soon as it is over.
    package let run: @LoopActor @Sendable (DrillStage) async throws -> Void

    init(
        _ name: String, proves: String, _ summary: String, run: @escaping @LoopActor @Sendable (DrillStage) async throws -> Void
    ) {
        self.name = name
        self.proves = proves
        self.summary = summary
        self.run = run
    }

    package static let all: [Drill] = [
        WorkerDrills.kill, WorkerDrills.drain, WorkerDrills.freeze, ChurnDrill.churn, CancelDrill.cancel, SplitDrill.split,
        LegDrill.legs, RouterDrill.router, RollingDrill.rolling, ConsumerDrill.consumer, NetworkDrill.network, PartitionDrill.partition,
        ScarcityDrill.scarcity,
    ]

    package static func named(_ name: String) -> Drill? { all.first { $0.name == name } }

    /// By their name, or by a row that they prove.
    package static func about(_ word: String) -> [Drill] {
        if let drill = named(word) { return [drill] }
        return all.filter { $0.proves.lowercased().split(separator: " ").contains(Substring(word.lowercased())) }
    }
}
