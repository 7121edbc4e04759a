import ClusterModel
import EventLoop
import Transport
import WireProtocol
import WorkerService

/// A frontend with one data link, and everything that came over it in order.
final class ScriptedFrontend: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    enum Heard: Hashable {
        case status(StatusEntry)
        case frame(TokenFrame, step: UInt64)
    }

    let loop: VirtualLoop
    let host: SimulatedHost
    let endpoint: LinkEndpoint
    let bed: WorkerBed
    private(set) var link: Link?
    private(set) var heard: [Heard] = []
    private(set) var tokenBatches = 0
    private(set) var ends: [LinkEnd] = []
    private(set) var faults: [String] = []
    let origin: UInt64

    init(_ name: String, _ bed: WorkerBed, _ policy: LinkPolicy, opens: Bool = true) throws {
        self.bed = bed
        let loop = bed.world.makeLoop(name)
        self.loop = loop
        let host = bed.fabric.host(name, loop: loop)
        self.host = host
        origin = policy.identity.generation
        endpoint = loop.perform { LinkEndpoint(loop: loop, network: host, policy: policy) }
        if opens { link = try open(.data).get() }
    }

    var workerAddress: Address { bed.on { $0.address } ?? Address(host: "worker", port: 0) }

    func open(_ kind: LinkKind) throws -> Result<Link, LinkEnd> {
        let address = workerAddress
        return try bed.world.run(on: loop, within: .seconds(30)) { [endpoint, self] in
            await endpoint.dial(address, kind: kind, handler: self)
        }
    }

    func on<Result>(_ body: @LoopActor (ScriptedFrontend) -> Result) -> Result { loop.perform { body(self) } }

    // MARK: Saying

    func entry(
        _ counter: UInt64, attempt: UInt8 = 1, prompt: Int = 20, maxTokens: UInt32 = 8, lease: UInt64? = nil,
        _ change: (inout GenerateEntry) -> Void = { _ in }
    ) -> GenerateEntry {
        var entry = GenerateEntry()
        entry.counter = counter
        entry.attempt = attempt
        entry.choices = 1
        entry.lease = lease ?? counter * 10 + UInt64(attempt)
        entry.routerID = ScriptedRouter.routerID
        entry.pool = bed.card.digest
        entry.promptTokens = (0..<prompt).map { TokenID($0 % 200) }
        entry.sampling.maxTokens = maxTokens
        entry.sampling.seed = counter
        change(&entry)
        return entry
    }

    func generate(_ entries: GenerateEntry...) {
        on { $0.link?.send(GenerateBatch(entries: entries), origin: $0.origin) }
    }

    func cancel(_ counter: UInt64, attempt: UInt8 = 1, choice: UInt8 = 255) {
        on {
            $0.link?.send(
                CancelBatch(requests: [CancelEntry(counter: counter, attempt: attempt, choice: choice, reason: .clientGone)]),
                origin: $0.origin)
        }
    }

    func ask<Question: WireMessage, Answer: WireMessage>(
        _ link: Link, _ question: Question, _ type: Answer.Type
    ) throws -> Result<Answer, LinkFailure> {
        try bed.world.run(on: loop, within: .seconds(30)) {
            do throws(LinkFailure) {
                return .success(try await link.ask(question, answeredBy: type, within: .seconds(10)))
            } catch { return .failure(error) }
        }
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        if header.origin != origin { faults.append("a batch for somebody else") }
        do throws(WireError) {
            switch header.kind {
            case .statusBatch: heard += try Codec.decodeBody(StatusBatch.self, from: body).entries.map { .status($0) }
            case .tokenBatch:
                tokenBatches += 1
                heard += try Codec.decodeBody(TokenBatch.self, from: body).frames.map { .frame($0, step: header.number) }
            default: faults.append("unexpected \(header.rawKind)")
            }
        } catch { faults.append("\(error)") }
    }

    func link(_ link: Link, ended: LinkEnd) { ends.append(ended) }

    // MARK: Looking

    /// What was heard of one attempt, in order, by name; frames by their number of tokens.
    func story(_ counter: UInt64, attempt: UInt8 = 1) -> [String] {
        heard.compactMap { heard in
            switch heard {
            case .status(let entry): entry.of(counter, attempt)
            case .frame(let frame, _):
                frame.counter == counter && frame.attempt == attempt
                    ? "\(frame.tokens.count)@\(frame.firstPosition)\(frame.finish.map { " \($0)" } ?? "")" : nil
            }
        }
    }

    func tokens(_ counter: UInt64, attempt: UInt8 = 1, choice: UInt8 = 0) -> [TokenID] {
        heard.flatMap { heard in
            if case .frame(let frame, _) = heard, frame.counter == counter, frame.attempt == attempt, frame.choice == choice {
                return frame.tokens
            }
            return []
        }
    }

    func ended(_ counter: UInt64, attempt: UInt8 = 1) -> EndedStatus? {
        for case .status(.endedStatus(let status)) in heard where status.counter == counter && status.attempt == attempt { return status }
        return nil
    }

    func refused(_ counter: UInt64, attempt: UInt8 = 1) -> RefusedStatus? {
        for case .status(.refusedStatus(let status)) in heard.reversed() where status.counter == counter && status.attempt == attempt {
            return status
        }
        return nil
    }

    /// Waits for the end or the refusal of an attempt.
    func finish(_ counter: UInt64, attempt: UInt8 = 1) throws {
        try bed.until("the end of \(counter)") { ended(counter, attempt: attempt) != nil || refused(counter, attempt: attempt) != nil }
    }
}

extension StatusEntry {
    fileprivate func of(_ counter: UInt64, _ attempt: UInt8) -> String? {
        switch self {
        case .acceptedStatus(let status) where (status.counter, status.attempt) == (counter, attempt): "accepted"
        case .refusedStatus(let status) where (status.counter, status.attempt) == (counter, attempt):
            "refused \(status.failure.code.rawValue)"
        case .startedStatus(let status) where (status.counter, status.attempt) == (counter, attempt): "started"
        case .prefillProgressStatus(let status) where (status.counter, status.attempt) == (counter, attempt):
            "progress \(status.computedTokens)"
        case .prefillDoneStatus(let status) where (status.counter, status.attempt) == (counter, attempt): "prefilled"
        case .endedStatus(let status) where (status.counter, status.attempt) == (counter, attempt): "ended \(status.reason.rawValue)"
        default: nil
        }
    }
}
