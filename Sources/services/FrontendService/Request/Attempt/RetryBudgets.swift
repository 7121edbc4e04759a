import ClusterModel
import EventLoop
import ProcessKit
import Telemetry

/// The budgets of all models, and what operators are told of them.
///
/// What follows the death of a worker, its leave or a restart of its engine is no retry: each such loss moves a request once, nobody failed it, and
/// answers that were promised would be lost. Nor is a refusal by a worker that had less room than its router believed: nothing was computed, and
/// no request is refused so twice.
@LoopActor
final class RetryBudgets {
    private let context: ProcessContext
    private let limits: RetryLimits
    private let made: Counter
    private let heldBack: Counter
    /// By the name of a model's card: there are as many as there are models.
    private var budgets: [String: RetryBudget] = [:]
    private var lines: RateLimit

    /// Names of cards are operators' words; far more than a cluster has at a time.
    private static let mostModels = 1_024
    /// Log lines a model and minute.
    private static let logLines = 2
    private static let logMilliseconds: Int64 = 60_000

    init(_ context: ProcessContext, _ limits: RetryLimits) {
        self.context = context
        self.limits = limits
        let family = context.metrics.counterFamily(
            "apus_frontend_retries_total",
            help: "Further attempts after a failure that counts as one: made, or held back since the budget was spent.",
            labels: ["outcome"])
        made = family.labels("made")
        heldBack = family.labels("held_back")
        lines = RateLimit(lines: Self.logLines, perMilliseconds: Self.logMilliseconds)
    }

    func began(_ model: String) { change(model) { $0.began(at: $1) } }

    /// Whether a request of the model may be tried again.
    func takes(_ model: String) -> Bool {
        guard !change(model, { $0.takes(at: $1) }) else {
            made.increment()
            return true
        }
        heldBack.increment()
        let now = context.loop.now
        if let log = context.log.limited(lines.admit(model, atMilliseconds: now.nanoseconds / 1_000_000)) {
            let counts = budgets[model]?.counts(at: now) ?? (requests: 0, retries: 0)
            log.warning(
                "retries held back",
                ["model": .text(model), "requests": .count(counts.requests), "retries": .count(counts.retries)])
        }
        return false
    }

    /// Of the last seconds, by name.
    var counts: [(model: String, requests: Int, retries: Int)] {
        let now = context.loop.now
        return budgets.sorted { $0.key < $1.key }.map { name, budget in
            let counts = budget.counts(at: now)
            return (name, counts.requests, counts.retries)
        }
    }

    private func change<Result>(_ model: String, _ body: (inout RetryBudget, Instant) -> Result) -> Result {
        let now = context.loop.now
        if budgets[model] == nil, budgets.count >= Self.mostModels {
            // Order: each is kept or dropped by itself; those of models that nobody asked for lately go.
            budgets = budgets.filter { $0.value.counts(at: now) != (0, 0) }
            if budgets.count >= Self.mostModels { budgets.removeAll() }
        }
        return body(&budgets[model, default: RetryBudget(limits)], now)
    }
}
