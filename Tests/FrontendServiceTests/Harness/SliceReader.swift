import EventLoop
import Transport
import WireProtocol

/// Collects what the frontend's stream says of requests that ended.
@LoopActor
final class SliceReader: FeedReader {
    private(set) var slices: [RequestSlice] = []
    private(set) var isHeard = false
    private var feed: FeedSubscriber?

    init(_ host: SimulatedHost, on loop: Loop) {
        do throws(TransportError) {
            feed = try FeedSubscriber(
                to: Address(host: "frontend", port: 8002), kind: .frontendState, loop: loop, network: host, reader: self)
        } catch { preconditionFailure("\(error)") }
    }

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard let state = try? Codec.decodeBody(FrontendState.self, from: body) else { return }
        for change in state.changes { if case .requestSlice(let slice) = change { slices.append(slice) } }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { isHeard = true }
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}
}
