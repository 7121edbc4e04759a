import EventLoop
package import ProcessKit
import Scheduling

/// What an operator can tell a router, on its admin listener.
extension RouterService {
    package func takeOrders(on admin: AdminService) {
        // Thresholds of one model or of all, each on its own: what is not named stays. `reset` gives a model the common ones again.
        admin.order("/busy-thresholds") { [weak self] order throws(AdminRefusal) in
            guard let core = self?.core else { throw .conflict("the router has not started, or has stopped") }
            let model = try order.text("model"), isReset = try order.truth("reset") ?? false
            let batches = try order.number("waiting_batches", in: 0...1_000_000)
            let tokens = try order.integer("waiting_tokens", in: 0...1_000_000_000)
            let blocks = try order.number("active_blocks", in: 0...1)
            try order.finish()
            if let model, !core.workers.pools.all.contains(where: { $0.name == model }) {
                throw .notFound("model", "no worker here serves this model")
            }
            let isNothingSet = batches == nil && tokens == nil && blocks == nil
            if isReset {
                guard let model else { throw .invalid("reset", "only a model can be reset: it has the common thresholds then") }
                guard isNothingSet else { throw .invalid("reset", "either it is reset, or thresholds are set") }
                core.busy.reset(model)
            } else {
                guard !isNothingSet else { throw .invalid("", "none of waiting_batches, waiting_tokens, active_blocks is there") }
                var thresholds = model.map { core.busy[$0] } ?? core.busy.common
                if let batches { thresholds.waitingBatches = batches }
                if let tokens { thresholds.waitingTokens = UInt64(tokens) }
                if let blocks { thresholds.activeBlocks = blocks }
                guard core.busy.set(thresholds, of: model) else { throw .conflict("too many models have thresholds of their own") }
            }
            core.workers.thresholdsChanged()
            core.queue.stirred()
        }
    }
}
