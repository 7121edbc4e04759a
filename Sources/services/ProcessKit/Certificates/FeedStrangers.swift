import EventLoop
import ServiceRuntime
import Telemetry
import Transport

/// Tells of those who would read a feed of this process over TLS and are no peers. Links say so as it happens; of feeds it is counted now and then.
@LoopActor
final class FeedStrangers {
    let name = "strangers at feeds"
    private let context: ProcessContext
    private let refusals: Counter
    private let feeds: @LoopActor () -> [EncryptedFeed]
    /// Told already.
    private var counts: [EncryptedFeed: UInt64] = [:]
    private var timer: TimerHandle?
    private var isClosed = false

    init(_ context: ProcessContext, feeds: @escaping @LoopActor () -> [EncryptedFeed]) {
        self.context = context
        self.feeds = feeds
        refusals = context.metrics.counter(
            "apus_tls_feed_refusals_total", help: "Connections to this process's feed that TLS let in no further.")
    }

    func start() async throws { schedule() }
    func drain() async -> Bool { true }
    func stop() {
        isClosed = true
        context.loop.cancel(timer)
    }

    private func schedule() {
        timer = context.loop.schedule(after: CertificateLimits.strangers) { [weak self] in
            guard let self, !isClosed else { return }
            context.loop.spawn { [weak self] in
                await self?.look()
                if self?.isClosed == false { self?.schedule() }
            }
        }
    }

    private func look() async {
        let feeds = feeds()
        guard !feeds.isEmpty else { return }
        do throws(WorkPool.Full) {
            let found = try await context.loop.offload(to: context.pool, virtualCost: .microseconds(100)) {
                EncryptedFeed.refusals(of: feeds)
            }
            if let found, !isClosed { tell(feeds, found) }
        } catch { return }  // There is a next time.
    }

    private func tell(_ feeds: [EncryptedFeed], _ found: [UInt64]) {
        var told: [EncryptedFeed: UInt64] = [:]
        for (feed, count) in zip(feeds, found) {
            let before = counts[feed] ?? 0
            told[feed] = max(count, before)
            guard count > before else { continue }
            refusals.increment(by: Int(clamping: count - before))
            context.log.warning(
                "subscribers refused",
                [
                    "feed": .text(feed.address.description), "count": .count(Int(clamping: count - before)),
                    "remedy": .text("whoever has business here shows a certificate of the cluster's authority"),
                ])
        }
        counts = told
    }
}

extension FeedStrangers: @LoopActor Service {}
