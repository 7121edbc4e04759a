import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// The frontend's own stream: requests that ended, its load, what it charges tenants, its state. Numbered; said each 250 ms if there is something to say, and as soon as
/// a message is full.
@LoopActor
final class StatePublisher {
    private let loop: Loop
    private let feed: FeedPublisher
    private var waiting: [FrontendChange] = []
    private var last: FrontendLoad?
    private let load: @LoopActor () -> FrontendLoad
    /// Those that are to be said now.
    private let charges: @LoopActor () -> [TenantCharge]
    private var timer: TimerHandle?

    private static let interval = Duration.milliseconds(250)
    /// Changes whose sizes together stay below a feed's message: a slice has some 250 bytes and two names of 256.
    private static let changesPerMessage = 64

    init(
        context: ProcessContext, on address: Address, load: @escaping @LoopActor () -> FrontendLoad,
        charges: @escaping @LoopActor () -> [TenantCharge]
    ) throws(TransportError) {
        loop = context.loop
        self.load = load
        self.charges = charges
        feed = try FeedPublisher(
            on: address, kind: .frontendState, publisher: context.identity.id, generation: context.identity.generation,
            dialect: context.policy.dialect, loop: context.loop, network: context.network)
        tick()
    }

    var address: Address { feed.address }
    var position: UInt64 { feed.nextSequence - 1 }

    func ended(_ slice: RequestSlice) {
        waiting.append(.requestSlice(slice))
        if waiting.count >= Self.changesPerMessage { sendWaiting() }
    }

    func state(_ state: ProcessState, reason: String = "") {
        feed.state = state
        waiting.append(.stateChanged(StateChanged(state: state, reason: reason)))
        publish()
    }

    func close() {
        publish()
        loop.cancel(timer)
        feed.close()
    }

    private func tick() {
        publish()
        timer = loop.schedule(each: Self.interval) { [weak self] in self?.tick() }
    }

    private func publish() {
        let load = load()
        if load != last {
            last = load
            waiting.append(.frontendLoad(load))
        }
        waiting += charges().map { .tenantCharge($0) }
        sendWaiting()
    }

    private func sendWaiting() {
        for part in waiting.parts(of: Self.changesPerMessage) {
            let state = FrontendState(changes: part)
            loop.reaches("frontend's state about to be published")
            feed.publish(count: part.count) { Codec.appendBody(state, to: &$0) }
        }
        waiting.removeAll(keepingCapacity: true)
    }
}
