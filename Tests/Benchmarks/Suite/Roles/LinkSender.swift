import ClusterModel
import EventLoop
import Glibc
import Transport
import WireProtocol

/// The sending process: floods a link with token batches, and waits whenever the link is backed up.
@LoopActor
final class LinkSender: LinkHandler {
    private let loop: Loop
    private let frames: Int
    private var step: UInt64 = 0
    private var writer = TokenBatchWriter()

    private init(loop: Loop, frames: Int) {
        self.loop = loop
        self.frames = frames
    }

    nonisolated static func policy(_ role: PeerRole, id: UInt64) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: role, id: id, generation: id, name: "benchmark"), cluster: ClusterValues(clusterID: "benchmark"))
        policy.accepts = [.data: [.worker]]
        return policy
    }

    nonisolated static func run(port: UInt16, frames: Int) {
        do {
            let loop = try EpollLoop()
            loop.spawn {
                let sender = LinkSender(loop: loop, frames: frames)
                do {
                    let endpoint = LinkEndpoint(loop: loop, network: try NngNetwork(on: loop), policy: policy(.worker, id: 1))
                    let link = try await endpoint.dial(Address(host: "127.0.0.1", port: port), kind: .data).get()
                    link.handler = sender
                    sender.flood(link)
                } catch {
                    Console.warn("sender: \(error)\n")
                    exit(1)
                }
            }
            loop.run()
        } catch {
            Console.warn("sender: \(error)\n")
            exit(1)
        }
    }

    private func flood(_ link: Link) {
        // Taken out and put back, so that a frame is no access to this object.
        var writer = TokenBatchWriter()
        swap(&writer, &self.writer)
        defer { swap(&writer, &self.writer) }
        while link.isOpen, !link.isBackedUp {
            step &+= 1
            writer.begin(origin: 1, number: step)
            for frame in 0..<frames {
                let token = UInt32(truncatingIfNeeded: step &* 31 &+ UInt64(frame)) & 0x1FFFF
                writer.append(counter: UInt64(frame), attempt: 1, position: UInt32(truncatingIfNeeded: step), token: token)
            }
            writer.finish()
            link.send(whole: writer.message)
        }
    }

    // MARK: LinkHandler

    func linkDrained(_ link: Link) { flood(link) }
    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {}
    /// The receiver has what it wanted.
    func link(_ link: Link, ended: LinkEnd) { exit(0) }
}
