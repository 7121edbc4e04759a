import CTwins
import ClusterModel
import EventLoop
import Glibc
import Transport
import WireProtocol

/// The receiving process: takes one link, decodes what comes, and measures a window of it.
@LoopActor
final class LinkReceiver: LinkHandler {
    private let loop: Loop
    private let warmUp: Duration
    private let window: Duration
    /// Held for as long as the process runs.
    private var endpoint: LinkEndpoint?
    private var decoded = FrameSum()
    private var messages = 0
    private var turns = 0
    private var turn: Int64 = 0
    private var atStart = Reception()

    private init(loop: Loop, warmUp: Duration, window: Duration) {
        self.loop = loop
        self.warmUp = warmUp
        self.window = window
    }

    nonisolated static func run(warmUpMilliseconds: Int, windowMilliseconds: Int) {
        do {
            let loop = try EpollLoop()
            ctwins_watch_this_thread()
            loop.spawn {
                do {
                    let receiver = LinkReceiver(
                        loop: loop, warmUp: .milliseconds(warmUpMilliseconds), window: .milliseconds(windowMilliseconds))
                    let network = try NngNetwork(on: loop)
                    let endpoint = LinkEndpoint(loop: loop, network: network, policy: LinkSender.policy(.frontend, id: 2))
                    receiver.endpoint = endpoint
                    let address = try endpoint.listen(on: Address(host: "127.0.0.1", port: 0)) { link in receiver.accepted(link) }
                    Console.write("\(address.port)\n")
                } catch {
                    Console.warn("receiver: \(error)\n")
                    exit(1)
                }
            }
            loop.run()
        } catch {
            Console.warn("receiver: \(error)\n")
            exit(1)
        }
    }

    private func accepted(_ link: Link) {
        link.handler = self
        loop.schedule(after: warmUp) { [self] in
            loop.schedule(after: window) { [self] in finish() }
            ctwins_count_allocations(true)
            atStart = reading
        }
    }

    private var reading: Reception {
        let allocations = ctwins_allocations()
        var now = Reception()
        now.messages = messages
        now.frames = decoded.frames
        now.reads = turns
        now.wallNanoseconds = Int(ctwins_monotonic_nanoseconds())
        now.cpuNanoseconds = Int(ctwins_cpu_nanoseconds())
        now.loopAllocations = Int(allocations.watched)
        now.otherAllocations = Int(allocations.other)
        return now
    }

    private func finish() {
        var result = reading
        ctwins_count_allocations(false)
        result.messages -= atStart.messages
        result.frames -= atStart.frames
        result.reads -= atStart.reads
        result.wallNanoseconds -= atStart.wallNanoseconds
        result.cpuNanoseconds -= atStart.cpuNanoseconds
        result.loopAllocations -= atStart.loopAllocations
        result.otherAllocations -= atStart.otherAllocations
        Console.write(result.line)
        exit(0)
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        messages &+= 1
        let now = loop.now.nanoseconds
        if turn != now {
            turn = now
            turns &+= 1
        }
        // A copy, so that decoding is no access to this object.
        var sum = decoded
        do throws(WireError) { try sum.add(body) } catch { link.protocolError(error) }
        decoded = sum
    }

    func link(_ link: Link, ended: LinkEnd) {
        Console.warn("receiver: the link ended: \(ended)\n")
        exit(1)
    }
}
