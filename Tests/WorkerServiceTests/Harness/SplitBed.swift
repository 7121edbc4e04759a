import ClusterModel
import Engines
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol
import WorkerService

/// One worker of a `SplitBed`.
final class SplitSide: @unchecked Sendable {
    // Safety: belongs to the thread of its world.
    let name: String
    let loop: VirtualLoop
    let host: SimulatedHost
    let service: WorkerService
    let metrics: MetricsRegistry
    let log = LogLines()
    let identity: Identity

    init(_ name: String, id: UInt64, _ world: VirtualWorld, _ fabric: SimulatedFabric, _ config: WorkerConfig) {
        self.name = name
        let loop = world.makeLoop(name)
        self.loop = loop
        host = fabric.host(name, loop: loop)
        let policy = Policies.policy(.worker, id: id, generation: 0x7000 + id)
        identity = policy.identity
        let context = Policies.context(loop: loop, network: host, log: log, policy: policy)
        metrics = context.metrics
        service = loop.perform {
            var config = config
            config.listen = Address(host: name, port: 0)
            config.publish = Address(host: name, port: 0)
            return WorkerService(config, context)
        }
    }

    func on<Result>(_ body: @LoopActor (WorkerService) -> Result) -> Result { loop.perform { body(service) } }
    var address: Address { on { $0.address } ?? Address(host: name, port: 0) }

    func count(_ metric: String) -> String {
        var text = TextExposition()
        text.append(metrics)
        let lines = String(decoding: text.bytes, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix(metric) }.map { String($0.split(separator: " ").last ?? "") } ?? ""
    }

    /// What is left of requests and rooms; nothing, at rest.
    var leftovers: [String] {
        on { service in
            var left: [String] = []
            if !service.isIdle { left.append("\(name) is not idle") }
            if service.openRequests > 0 { left.append("\(name) has \(service.openRequests) requests") }
            if service.openRooms > 0 { left.append("\(name) has \(service.openRooms) rooms") }
            let held = count("apus_worker_active_blocks")
            if held != "0" && held != "" { left.append("\(name)'s engine holds \(held) blocks") }
            if service.kvBytesHeld > 0 { left.append("\(name) holds \(service.kvBytesHeld) bytes") }
            return left
        }
    }
}

/// A prefill worker, a decode worker, and a frontend with a link to each: in virtual time, without a router.
final class SplitBed: @unchecked Sendable {
    // Safety: one test at a time drives the world.
    let world: VirtualWorld
    let fabric: SimulatedFabric
    let prefill: SplitSide
    let decode: SplitSide
    let front: SplitFrontend
    /// Peers that nobody else holds.
    var peers: [AnyObject] = []

    init(
        seed: UInt64 = 1, prefill: MockConfiguration = .split(), decode: MockConfiguration = .split(), network: LinkFaults? = nil,
        _ change: (inout WorkerConfig, _ isPrefill: Bool) -> Void = { _, _ in }
    ) throws {
        let world = VirtualWorld(seed: seed)
        let fabric = network.map { SimulatedFabric(world: world, plan: FaultPlan($0)) } ?? SimulatedFabric(world: world)
        self.world = world
        self.fabric = fabric
        func side(_ name: String, _ id: UInt64, _ engine: MockConfiguration) throws -> SplitSide {
            var config = WorkerConfig()
            config.engine = .mock(engine)
            change(&config, name == "prefill")
            let side = SplitSide(name, id: id, world, fabric, config)
            try world.run(on: side.loop, within: .seconds(30)) { [service = side.service] in try await service.start() }
            return side
        }
        self.prefill = try side("prefill", 0xA, prefill)
        self.decode = try side("decode", 0xD, decode)
        front = try SplitFrontend(world, fabric, [self.prefill, self.decode])
    }

    func pass(_ span: Duration) { world.run(for: span) }

    func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () -> Bool) throws {
        let deadline = world.now + limit
        while !condition() {
            guard world.now < deadline else { throw NotInTime(what) }
            world.run(for: .milliseconds(1))
        }
    }

    // MARK: Entries

    func entry(
        _ counter: UInt64, attempt: UInt8 = 1, leg: Leg = .aggregated, prompt: Int = 100, maxTokens: UInt32 = 8,
        _ change: (inout GenerateEntry) -> Void = { _ in }
    ) -> GenerateEntry {
        var entry = GenerateEntry()
        entry.counter = counter
        entry.attempt = attempt
        entry.leg = leg
        entry.choices = 1
        entry.pool = prefill.on { $0.pool } ?? Digest()
        entry.promptTokens = (0..<prompt).map { TokenID(($0 * 7 + Int(counter % 1_000)) % 200) }
        entry.sampling.maxTokens = maxTokens
        entry.sampling.seed = counter % 1_000
        change(&entry)
        return entry
    }

    func room(_ direction: RoomDirection, _ peer: SplitSide) -> RoomPlan {
        RoomPlan(
            direction: direction, peerWorkerID: peer.identity.id, peerGeneration: peer.identity.generation,
            peerAddress: direction == .push ? peer.address.description : "", rendezvousMilliseconds: 10_000)
    }

    func prefillLeg(
        _ counter: UInt64, attempt: UInt8 = 1, prompt: Int = 100, maxTokens: UInt32 = 8,
        _ change: (inout GenerateEntry) -> Void = { _ in }
    ) -> GenerateEntry {
        entry(counter, attempt: attempt, leg: .prefill, prompt: prompt, maxTokens: maxTokens) {
            $0.room = room(.push, decode)
            change(&$0)
        }
    }

    func decodeLeg(
        _ counter: UInt64, attempt: UInt8 = 1, prompt: Int = 100, maxTokens: UInt32 = 8,
        _ change: (inout GenerateEntry) -> Void = { _ in }
    ) -> GenerateEntry {
        entry(counter, attempt: attempt, leg: .decode, prompt: prompt, maxTokens: maxTokens) {
            $0.room = room(.receive, prefill)
            change(&$0)
        }
    }

    /// Both legs in one turn.
    func split(
        _ counter: UInt64, attempt: UInt8 = 1, prompt: Int = 100, maxTokens: UInt32 = 8,
        _ change: (inout GenerateEntry) -> Void = { _ in }
    ) {
        front.send(decodeLeg(counter, attempt: attempt, prompt: prompt, maxTokens: maxTokens, change), to: decode)
        front.send(prefillLeg(counter, attempt: attempt, prompt: prompt, maxTokens: maxTokens, change), to: prefill)
    }

    /// The text of the same request on one worker.
    func wholeText(_ counter: UInt64, prompt: Int = 100, maxTokens: UInt32 = 8, choice: UInt8 = 0, choices: UInt8 = 1) throws -> [TokenID] {
        let twin = counter + 1_000_000
        front.send(
            entry(twin, prompt: prompt, maxTokens: maxTokens) {
                $0.choices = choices
            }, to: prefill)
        try until("the end of the whole request") { front.line(prefill).ended(twin) != nil }
        return front.line(prefill).tokens(twin, choice: choice)
    }

    /// Both legs have ended.
    func finish(_ counter: UInt64, attempt: UInt8 = 1) throws {
        try until("the end of both legs of \(counter)") {
            front.line(prefill).isOver(counter, attempt: attempt) && front.line(decode).isOver(counter, attempt: attempt)
        }
    }

    /// Lets idle links go, then says what is left anywhere.
    func leftovers() -> [String] {
        pass(.seconds(25))
        var left = prefill.leftovers + decode.leftovers
        if fabric.openConnections(between: "prefill", and: "decode") > 0 { left.append("kv links are open") }
        return left + front.faults
    }
}

/// A frontend's two links, and what came over each.
final class SplitFrontend: @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    let loop: VirtualLoop
    let host: SimulatedHost
    static let origin: UInt64 = 0xAB
    private var lines: [String: SplitLine] = [:]

    init(_ world: VirtualWorld, _ fabric: SimulatedFabric, _ sides: [SplitSide]) throws {
        let loop = world.makeLoop("front")
        self.loop = loop
        let host = fabric.host("front", loop: loop)
        self.host = host
        let policy = Policies.policy(.frontend, id: 0xF1, generation: Self.origin)
        for side in sides {
            let line = SplitLine(loop), address = side.address
            lines[side.name] = line
            line.link = try world.run(on: loop, within: .seconds(30)) {
                try await LinkEndpoint(loop: loop, network: host, policy: policy).dial(address, kind: .data, handler: line).get()
            }
        }
    }

    func line(_ side: SplitSide) -> SplitLine {
        guard let line = lines[side.name] else { preconditionFailure("no line to \(side.name)") }
        return line
    }

    var faults: [String] { lines.sorted { $0.key < $1.key }.flatMap(\.value.faults) }

    func send(_ entry: GenerateEntry, to side: SplitSide) { send([entry], to: side) }

    /// In one turn; what is `cancelled` with them.
    func send(_ entries: [GenerateEntry], to side: SplitSide, cancelled: [UInt64] = []) {
        loop.perform {
            var rest = entries[...]
            while !rest.isEmpty {
                line(side).link?.send(GenerateBatch(entries: Array(rest.prefix(100))), origin: Self.origin)
                rest = rest.dropFirst(100)
            }
            for counter in cancelled { line(side).link?.send(CancelBatch(requests: [Self.cancel(counter)]), origin: Self.origin) }
        }
    }

    private static func cancel(_ counter: UInt64, attempt: UInt8 = 1, choice: UInt8 = 255) -> CancelEntry {
        CancelEntry(counter: counter, attempt: attempt, choice: choice, reason: .clientGone)
    }

    func cancel(_ counter: UInt64, attempt: UInt8 = 1, choice: UInt8 = 255, at side: SplitSide) {
        loop.perform {
            line(side).link?.send(
                CancelBatch(requests: [Self.cancel(counter, attempt: attempt, choice: choice)]), origin: Self.origin)
        }
    }
}

/// One of them.
final class SplitLine: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    private let loop: VirtualLoop
    var link: Link?
    private(set) var statuses: [(status: StatusEntry, at: Instant)] = []
    private(set) var frames: [(frame: TokenFrame, at: Instant)] = []
    private(set) var faults: [String] = []

    init(_ loop: VirtualLoop) { self.loop = loop }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .statusBatch: statuses += try Codec.decodeBody(StatusBatch.self, from: body).entries.map { ($0, loop.now) }
            case .tokenBatch: frames += try Codec.decodeBody(TokenBatch.self, from: body).frames.map { ($0, loop.now) }
            default: faults.append("unexpected \(header.rawKind)")
            }
        } catch { faults.append("\(error)") }
    }

    func link(_ link: Link, ended: LinkEnd) {}

    func tokens(_ counter: UInt64, attempt: UInt8 = 1, choice: UInt8 = 0) -> [TokenID] {
        frames.flatMap { entry in
            let frame = entry.frame
            return frame.counter == counter && frame.attempt == attempt && frame.choice == choice ? frame.tokens : []
        }
    }

    func firstPosition(_ counter: UInt64, attempt: UInt8 = 1) -> UInt32? {
        frames.first { $0.frame.counter == counter && $0.frame.attempt == attempt }?.frame.firstPosition
    }

    func ended(_ counter: UInt64, attempt: UInt8 = 1) -> EndedStatus? { endedAt(counter, attempt: attempt)?.status }

    func endedAt(_ counter: UInt64, attempt: UInt8 = 1) -> (status: EndedStatus, at: Instant)? {
        for case (.endedStatus(let status), let at) in statuses where status.counter == counter && status.attempt == attempt {
            return (status, at)
        }
        return nil
    }

    func refused(_ counter: UInt64, attempt: UInt8 = 1) -> RefusedStatus? {
        for case (.refusedStatus(let status), _) in statuses where status.counter == counter && status.attempt == attempt { return status }
        return nil
    }

    func accepted(_ counter: UInt64, attempt: UInt8 = 1) -> AcceptedStatus? {
        for case (.acceptedStatus(let status), _) in statuses where status.counter == counter && status.attempt == attempt { return status }
        return nil
    }

    func started(_ counter: UInt64, attempt: UInt8 = 1) -> (status: StartedStatus, at: Instant)? {
        for case (.startedStatus(let status), let at) in statuses where status.counter == counter && status.attempt == attempt {
            return (status, at)
        }
        return nil
    }

    func isOver(_ counter: UInt64, attempt: UInt8 = 1) -> Bool {
        ended(counter, attempt: attempt) != nil || refused(counter, attempt: attempt) != nil
    }
}

extension MockConfiguration {
    /// Pages of 16 tokens and 1 KiB, so that small requests have many chunks where credits are small.
    static func split(blocks: UInt32 = 512, waiting: UInt32 = 32, step: Duration = .milliseconds(10)) -> MockConfiguration {
        var configuration = MockConfiguration.worker(sequences: 8, batched: 256, waiting: waiting, blocks: blocks, step: step)
        configuration.kv = MockKVConfiguration()
        return configuration
    }
}
