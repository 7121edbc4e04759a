import CTwins
import ClusterModel
import EventLoop
import Glibc
import HTTPServing

/// The server of a process of its own: one route of `HTTPServing`, answered as the frontend answers it.
///
/// Where a frontend's events come from its workers, in one turn of the loop for many streams, here every turn brings some, or every beat of a
/// timer.
@LoopActor
final class HTTPServerRole: EndOfTurn {
    private struct Stream {
        let exchange: HTTPExchange
        var left: Int
    }

    private let loop: Loop
    private let plan: HTTPPlan
    private let json = Array(UnsafeBufferPointer(start: chttp_json_start(), count: chttp_json_bytes()))
    private let event = Array(UnsafeBufferPointer(start: chttp_event_start(), count: chttp_event_bytes()))
    /// Held for as long as the process runs.
    private var server: HTTPServer?
    private var streams: [Stream] = []
    private var hasTurnAhead = false
    // Made once each: a beat that made one would be counted among the allocations.
    private var whenBeat: (@LoopActor () -> Void)?
    private var whenRoom: (@LoopActor () -> Void)?
    private var turn = Instant.zero
    private var hasBegun = false
    private var done = HTTPService()
    private var atStart = HTTPService()

    private init(loop: Loop, plan: HTTPPlan) {
        self.loop = loop
        self.plan = plan
    }

    nonisolated static func run(_ plan: HTTPPlan) {
        do throws(SystemError) {
            let loop = try EpollLoop()
            ctwins_watch_this_thread()
            loop.spawn {
                let role = HTTPServerRole(loop: loop, plan: plan)
                do throws(SystemError) { try role.listen(EpollSockets(on: loop)) } catch { fail(error) }
            }
            // Under callgrind, what runs inside is what is counted.
            let context = Unmanaged.passUnretained(loop).toOpaque()
            ctwins_collect({ context in context.map { Unmanaged<EpollLoop>.fromOpaque($0).takeUnretainedValue() }?.run() }, context)
        } catch { fail(error) }
    }

    private nonisolated static func fail(_ error: SystemError) -> Never {
        Console.warn("http-server: \(error)\n")
        exit(1)
    }

    private func listen(_ sockets: EpollSockets) throws(SystemError) {
        let table = HandlerTable(on: loop)
        table.takesOnlyJSON = true
        table.on(.post, "/v1/chat/completions", run: { exchange in self.answer(exchange) })
        let server = HTTPServer(on: loop, sockets: sockets, application: table)
        self.server = server
        Console.write("\(try server.listen(host: "127.0.0.1", port: 0))\n")
        whenBeat = { self.beat() }
        whenRoom = { self.flush() }
        if plan.paceMilliseconds > 0 { beat() }
    }

    // MARK: Answers

    private func answer(_ exchange: HTTPExchange) {
        if !hasBegun { begin() }
        guard plan.events > 0 else {
            exchange.respond(.json(.ok, json))
            if turn != loop.now {
                turn = loop.now
                done.turns &+= 1
            }
            return answered()
        }
        exchange.beginStream(.ok, headers: ServerSentEvents.headers)
        streams.append(Stream(exchange: exchange, left: plan.events))
        if plan.paceMilliseconds == 0 { bringMore() }
    }

    private func answered() {
        done.answers &+= 1
        if done.answers == plan.answers { finish() }
    }

    // MARK: Events

    private func bringMore() {
        guard !hasTurnAhead, !streams.isEmpty else { return }
        hasTurnAhead = true
        loop.atEndOfTurn(self)
    }

    /// Every turn.
    func flush() {
        hasTurnAhead = false
        if round() { return bringMore() }
        // Nobody has room: turning on would burn what is measured.
        guard !streams.isEmpty, let whenRoom else { return }
        hasTurnAhead = true
        loop.schedule(after: .milliseconds(1), whenRoom)
    }

    /// Every beat.
    private func beat() {
        if let whenBeat { loop.schedule(each: .milliseconds(plan.paceMilliseconds), whenBeat) }
        _ = round()
    }

    /// What waits for each stream in a turn. False if none had room.
    private func round() -> Bool {
        var streams: [Stream] = []
        swap(&streams, &self.streams)
        var hasRoom = false
        // From the last to the first: one that leaves gives its place to one that had its turn.
        for index in streams.indices.reversed() {
            let exchange = streams[index].exchange
            if !exchange.isGone {
                guard !exchange.isBackedUp else { continue }
                hasRoom = true
                let count = min(plan.burst, streams[index].left)
                for _ in 0..<count { exchange.append { ServerSentEvents.append(data: event, to: &$0) } }
                streams[index].left -= count
                done.events &+= count
                guard streams[index].left == 0 else { continue }
                exchange.endStream()
                answered()
            }
            streams.swapAt(index, streams.count - 1)
            streams.removeLast()
        }
        done.turns &+= 1
        swap(&streams, &self.streams)
        return hasRoom
    }

    // MARK: Measuring

    private func begin() {
        hasBegun = true
        loop.schedule(after: .milliseconds(plan.warmUpMilliseconds)) { [self] in
            ctwins_count_allocations(true)
            atStart = reading
            guard plan.answers == 0 else { return }
            loop.schedule(after: .milliseconds(plan.windowMilliseconds)) { [self] in finish() }
        }
    }

    private var reading: HTTPService {
        let allocations = ctwins_allocations()
        var now = done
        now.wallNanoseconds = Int(ctwins_monotonic_nanoseconds())
        now.cpuNanoseconds = Int(ctwins_cpu_nanoseconds())
        now.loopAllocations = Int(allocations.watched)
        now.otherAllocations = Int(allocations.other)
        return now
    }

    private func finish() {
        let result = reading.since(atStart)
        ctwins_count_allocations(false)
        Console.write(result.line)
        loop.stop()
    }
}
