import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// A frontend's stream: what its clients were told of requests that ended. It is not recovered; a slice that is lost is not made up for.
@LoopActor
final class FollowedFrontend: FeedReader {
    private let generation: UInt64
    private let ended: @LoopActor (RequestSlice) -> Void
    private var feed: FeedSubscriber?
    private(set) var isHeard = false

    /// Nil where it cannot be heard.
    init?(_ entry: FrontendEntry, loop: Loop, network: any Network, ended: @escaping @LoopActor (RequestSlice) -> Void) {
        generation = entry.generation
        self.ended = ended
        guard let address = Address(advertised: entry.endpoints.feedAddress, peer: nil) else {
            complain("wiretool: frontend \(Hexadecimal.text(generation)) is not heard: it names no address that can be dialled")
            return nil
        }
        do throws(TransportError) {
            feed = try FeedSubscriber(to: address, kind: .frontendState, loop: loop, network: network, reader: self)
        } catch {
            complain("wiretool: no feed of a frontend at \(address): \(EventText.plain("\(error)"))")
            return nil
        }
    }

    func close() {
        feed?.close()
        feed = nil
    }

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        // A message that does not decode is as one that was lost.
        guard header.origin == generation, let state = try? Codec.decodeBody(FrontendState.self, from: body) else { return }
        for change in state.changes { if case .requestSlice(let slice) = change { ended(slice) } }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { isHeard = true }
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}
}
