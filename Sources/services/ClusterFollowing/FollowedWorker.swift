import ClusterModel
import EventLoop
import ProcessKit
import StreamFollowing
import Transport
import WireProtocol

/// The stream of one life of a worker, as far as it is about requests and sessions; its blocks are passed over.
@LoopActor
final class FollowedWorker: StreamMirror {
    private let life: FollowedLife
    private weak var observer: (any ClusterObserver)?
    private var follower: StreamFollower?
    private(set) var isInStep = false
    private var hasJoined = false
    /// Gathered until the last page of a snapshot is there.
    private var held: Set<UInt64> = []
    private var bound: [SessionBound] = []

    /// Nil where it cannot be followed: its router names no address of it that can be dialled.
    init?(
        _ life: FollowedLife, _ endpoints: Endpoints, endpoint: LinkEndpoint, gate: RecoveryGate, loop: Loop, network: any Network,
        observer: any ClusterObserver
    ) {
        self.life = life
        self.observer = observer
        guard let links = Address(advertised: endpoints.linkAddress, peer: nil),
            let feed = Address(advertised: endpoints.feedAddress, peer: nil)
        else {
            observer.cannotFollow("worker \(Hexadecimal.text(life.worker)) is not followed: it names no address that can be dialled")
            return nil
        }
        var options = FollowingOptions()
        options.wantsBlocks = false
        do throws(TransportError) {
            follower = try StreamFollower(
                StreamSource(.workerEvents, publisher: life.worker, generation: life.generation, feed: feed), mirror: self,
                line: RecoveryLine(dialling: { links }, endpoint: endpoint, loop: loop), gate: gate, options: options, loop: loop,
                network: network)
        } catch {
            observer.cannotFollow("no feed of a worker at \(feed): \(error)")
            return nil
        }
    }

    func close() {
        follower?.close()
        follower = nil
    }

    func restarted(_ follower: StreamFollower) {
        held = []
        bound = []
    }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        for entry in page.entries {
            switch entry {
            case .heldRequest(let request): if held.count < FollowingBounds.heldRequests { held.insert(request.lease) }
            case .sessionBound(let session): if bound.count < FollowingBounds.heldSessions { bound.append(session) }
            default: break
            }
        }
    }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        observer?.rejoined(life, held: held)
        for session in bound { observer?.told(.sessionBound(session), by: life) }
        held = []
        bound = []
    }

    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        do throws(WireError) {
            var events = try WorkerEventCursor(batch.body), skip = batch.skip
            while let view = try events.next() {
                if skip > 0 {
                    skip -= 1
                    continue
                }
                switch view {
                case .stored, .removed: break
                case .other(let event): observer?.told(event, by: life)
                }
            }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) { observer?.told(event, by: life) }

    func follower(_ follower: StreamFollower, became state: StreamState) { isInStep = state == .inStep }

    func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        if case .recovered(by: .snapshot) = notice, !hasJoined {
            hasJoined = true
        } else {
            observer?.noted(notice)
        }
    }
}
