import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// A frontend's stream: what its clients were told of requests that ended. It is not recovered; a slice that is lost is not made up for.
@LoopActor
final class FollowedFrontend: FeedReader {
    private let generation: UInt64
    private weak var observer: (any ClusterObserver)?
    private var feed: FeedSubscriber?
    private(set) var isHeard = false

    /// Nil where it cannot be heard.
    init?(_ entry: FrontendEntry, loop: Loop, network: any Network, observer: any ClusterObserver) {
        generation = entry.generation
        self.observer = observer
        guard let address = Address(advertised: entry.endpoints.feedAddress, peer: nil) else {
            observer.cannotFollow("frontend \(Hexadecimal.text(generation)) is not heard: it names no address that can be dialled")
            return nil
        }
        do throws(TransportError) {
            feed = try FeedSubscriber(to: address, kind: .frontendState, loop: loop, network: network, reader: self)
        } catch {
            observer.cannotFollow("no feed of a frontend at \(address): \(error)")
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
        for change in state.changes {
            if case .requestSlice(let slice) = change {
                observer?.told(slice, by: generation)
            } else {
                observer?.told(change, by: generation)
            }
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { isHeard = true }
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}
}
