import ClusterModel

/// How a leg, or what joins two, fails; and by when that is known to those who wait for it.
enum LegFailure: String, CaseIterable, Sendable {
    case killed
    /// Its host is gone: nothing is heard of it.
    case gone
    /// It does not run, and its sockets are open.
    case frozen
    /// Its engine has room for nobody.
    case refused
    case failed = "engine failed"
    /// State is damaged on its way.
    case damaged
    case notStored = "state not stored"
    /// The link between the two breaks, and can be dialled again.
    case broken = "link broken"
    /// Nothing passes between the two for some seconds.
    case parted = "link parted"

    /// It is a property of the worker from its beginning, and befalls whoever comes there.
    var isOfTheWorker: Bool { [.refused, .failed, .damaged, .notStored].contains(self) }
    var isOfTheLink: Bool { [.broken, .parted].contains(self) }
    /// Those who wait see nothing but silence.
    var isSilent: Bool { [.gone, .frozen].contains(self) }
}

/// Whose failure it is.
enum LegTarget: String, CaseIterable, Sendable {
    case prefill, decode, both

    var parts: [ClusterShape.WorkerPart] {
        switch self {
        case .prefill: [.prefill]
        case .decode: [.decode]
        case .both: [.prefill, .decode]
        }
    }
}

/// How far some request has come when it happens.
enum LegPhase: String, CaseIterable, Sendable {
    /// Its worker has not answered.
    case asked
    /// Its room is made, or its turn has not come.
    case accepted
    case prefill
    /// Its prompt is computed, and its decode leg has not begun.
    case handOver = "hand-over"
    case decode
}

/// One combination of all these that means something.
struct LegCase: Sendable {
    let path: SplitCluster.Path
    let failure: LegFailure
    let target: LegTarget
    /// nil: whenever a request comes to the worker.
    let phase: LegPhase?

    var words: String {
        "\(path.rawValue), \(target.rawValue) \(failure.rawValue)" + (phase.map { " in phase \($0.rawValue)" } ?? "")
    }

    static let all: [LegCase] = SplitCluster.Path.allCases.flatMap { path in
        LegFailure.allCases.flatMap { failure in
            targets(of: failure, path).flatMap { target in
                phases(of: failure).map { LegCase(path: path, failure: failure, target: target, phase: $0) }
            }
        }
    }

    private static func targets(of failure: LegFailure, _ path: SplitCluster.Path) -> [LegTarget] {
        switch failure {
        case .killed, .gone, .frozen, .refused, .failed: LegTarget.allCases
        // On the other path workers have nothing between them.
        case .damaged: path == .concurrent ? [.prefill] : []
        case .notStored: path == .concurrent ? [.decode] : []
        case .broken, .parted: path == .concurrent ? [.both] : []
        }
    }

    private static func phases(of failure: LegFailure) -> [LegPhase?] {
        if failure.isOfTheWorker { return [nil] }
        return failure.isOfTheLink ? [.accepted, .prefill, .handOver] : LegPhase.allCases
    }
}
