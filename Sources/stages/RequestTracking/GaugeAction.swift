package import ClusterModel

/// A gauge of a worker is to be set: what the last request that it served was like.
package struct GaugeAction: Hashable, Sendable {
    package enum Gauge: Hashable, Sendable, CaseIterable {
        case lastTimeToFirstTokenSeconds
        case lastInputSequenceTokens
        case lastInterTokenLatencySeconds
    }

    package let gauge: Gauge
    package let worker: WorkerID
    package let rank: Rank?
    package let workerType: WorkerType
    package let value: Double

    package init(gauge: Gauge, worker: WorkerID, rank: Rank?, workerType: WorkerType, value: Double) {
        self.gauge = gauge
        self.worker = worker
        self.rank = rank
        self.workerType = workerType
        self.value = value
    }

    /// A rank that is not known is not rank 0.
    package var rankLabel: String { rank?.description ?? Self.unknownRank }

    package static let unknownRank = "none"
}
