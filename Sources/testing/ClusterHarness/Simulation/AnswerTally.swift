import ClusterModel

/// A request that a user has sent, and where.
struct AskedOnce {
    /// Of its client and frontend.
    let place: Int
    let frontend: VirtualMember
    let tenant: SimulatedTenant?
    /// As how many requests it counts there.
    let parts: Int
    let began: Instant
    /// Of the frontend.
    let life: Int
}

/// What became of the requests of a run.
struct AnswerTally: Sendable {
    /// What one life of a frontend was asked, as its clients know it.
    struct Life: Hashable, Sendable {
        let frontend: String
        let number: Int
    }

    struct Counts: Sendable {
        var begun = 0
        /// Answered whole.
        var complete = 0
        /// Of those that were answered whole.
        var tokens = 0
        /// Of all, had each been answered whole.
        var mostTokens = 0
    }

    var begun = 0
    var complete = 0
    var left = 0
    /// The frontend, or the way to it, was gone.
    var broken = 0
    /// By code.
    var errors: [(code: String, count: Int)] = []
    var tokens = 0
    /// Parts of requests, as frontends count them.
    var lives: [Life: Counts] = [:]
    var violations: [String] = []
    /// The ids of requests whose answers broke a rule, where there is one.
    var suspects: [String] = []

    var refused: Int { errors.reduce(0) { $0 + $1.count } }
    var ended: Int { complete + left + broken + refused }

    mutating func count(error code: String) {
        if let index = errors.firstIndex(where: { $0.code == code }) { errors[index].count += 1 } else { errors.append((code, 1)) }
    }
}
