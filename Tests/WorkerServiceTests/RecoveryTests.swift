import ClusterModel
import Engines
import EventLoop
import Testing
import TestSupport
import Transport
import WireProtocol
import WorkerService

@Suite("Questions and strangers at a worker")
struct RecoveryTests {
    private let workerID: UInt64 = 0x3033
    private let generation: UInt64 = 0x77

    @Test("a model file is read in chunks and has the digest of the card")
    func files() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        let link = try front.open(.recovery).get()
        let file = try #require(bed.card.files.first)
        var bytes: [UInt8] = []
        while bytes.count < Int(file.size) {
            let answer = try front.ask(
                link, FileQuestion(digest: file.digest, name: file.name, offset: UInt64(bytes.count)), FileAnswer.self
            ).get()
            #expect(answer.totalBytes == file.size && answer.offset == UInt64(bytes.count))
            bytes += answer.data
        }
        #expect(SHA256.digest(of: bytes) == file.digest)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(
            text
                == #"{"kind":"bytes","specials":["<|endoftext|>","<|im_start|>","<|im_end|>"],"template":"chatml","endOfText":["<|endoftext|>","<|im_end|>"]}"#
        )
        let end = try front.ask(link, FileQuestion(digest: file.digest, name: file.name, offset: file.size), FileAnswer.self).get()
        #expect(end.data == [])
        for (question, code) in [
            (FileQuestion(digest: Digest(), name: file.name, offset: 0), FailureCode.notFound),
            (FileQuestion(digest: file.digest, name: "other", offset: 0), .notFound),
            (FileQuestion(digest: file.digest, name: file.name, offset: file.size + 1), .invalidArgument),
        ] {
            guard case .failure(.failed(let failure)) = try front.ask(link, question, FileAnswer.self) else {
                Issue.record("no failure")
                continue
            }
            #expect(failure.code == code)
        }
    }

    @Test("a snapshot holds state, loads and every open request, at the number of the last event in it")
    func snapshot() throws {
        let bed = try WorkerBed(engine: .worker(sequences: 2, waiting: 2_000))
        try bed.registered()
        let front = try bed.frontend()
        for first in stride(from: 1, through: 1_500, by: 500) {
            let entries = (first..<(first + 500)).map { front.entry(UInt64($0), maxTokens: 500) }
            front.on { $0.link?.send(GenerateBatch(entries: entries), origin: $0.origin) }
        }
        bed.pass(.milliseconds(100))
        let link = try front.open(.recovery).get()
        var pages: [SnapshotPage] = [], cursor: SnapshotCursor? = SnapshotCursor(section: 0, fromHash: 0)
        while let next = cursor, next.section == 0 {
            let page = try front.ask(
                link, SnapshotQuestion(stream: .workerEvents, publisher: workerID, generation: generation, cursor: next),
                SnapshotPage.self
            ).get()
            pages.append(page)
            cursor = page.next
        }
        #expect(pages.count == 2)
        #expect(Set(pages.map(\.sequence)).count == 1)
        #expect(pages.last?.throughHash == .max)
        var held: Set<UInt64> = [], started = 0, loads = 0
        for entry in pages.flatMap(\.entries) {
            switch entry {
            case .heldRequest(let request):
                held.insert(request.lease)
                if request.started { started += 1 }
            case .rankLoad(let load):
                loads += 1
                #expect(load.runningRequests == 2 && load.waitingRequests == 1_498)
            case .stateChanged(let change): #expect(change.state == .ready)
            default: Issue.record("unexpected \(entry)")
            }
        }
        #expect(held.count == 1_500 && started == 2 && loads == 1)
        // More events than one message of a feed holds.
        #expect(bed.router.batches.contains { $0.count > 600 } && bed.router.faults == [])
        bed.pass(.milliseconds(100))
        #expect(try #require(pages.first).sequence <= bed.router.lastSequence)
    }

    @Test("past events are replayed; other streams, lives and ranges get their own answer")
    func replay() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        let link = try front.open(.recovery).get()
        func ask(_ first: UInt64, _ last: UInt64, generation: UInt64 = 0x77, publisher: UInt64 = 0x3033) throws -> Result<
            ReplayAnswer, LinkFailure
        > {
            try front.ask(
                link,
                ReplayQuestion(
                    stream: .workerEvents, publisher: publisher, generation: generation, firstSequence: first, lastSequence: last),
                ReplayAnswer.self)
        }
        let answer = try ask(1, 2).get()
        #expect(answer.outcome == .events && answer.firstSequence == 1 && answer.lastSequence == 2)
        #expect(try ask(0, 2).get().outcome == .tooOld)
        #expect(try ask(1_000, 2_000).get().outcome == .tooNew)
        #expect(try ask(1, 2, generation: 5).get().outcome == .wrongGeneration)
        for (result, field) in [(try ask(2, 1), "lastSequence"), (try ask(1, 2, publisher: 9), "stream")] {
            guard case .failure(.failed(let failure)) = result else {
                Issue.record("no failure for \(field)")
                continue
            }
            #expect(failure.code == .invalidArgument && failure.field == field)
        }
    }

    // MARK: Strangers

    @Test("a batch in another's name, and one that does not decode, end the link and its requests, and nothing else")
    func protocolErrors() throws {
        let bed = try WorkerBed()
        try bed.registered()
        for kind in 0..<4 {
            let front = try bed.frontend("front\(kind)", id: UInt64(kind), generation: UInt64(100 + kind))
            front.generate(front.entry(1, maxTokens: 1_000))
            bed.pass(.milliseconds(50))
            front.on { front in
                switch kind {
                case 0: front.link?.send(GenerateBatch(entries: []), origin: 12_345)
                case 1: front.link?.send(CancelBatch(requests: []), origin: 0)
                case 2: front.link?.send(MessageHeader(kind: .generateBatch, origin: front.origin)) { $0 += [0xFF, 0xFF, 0xFF, 0xFF, 1] }
                default: front.link?.send(StatusBatch(entries: []), origin: front.origin)
                }
            }
            bed.pass(.milliseconds(100))
            #expect(front.ends == [.goodbye(.protocolError, byPeer: true)], "case \(kind)")
            bed.pass(.seconds(3))
            #expect(bed.isAtRest, "case \(kind)")
        }
    }

    @Test("links of the wrong kind, role, version or cluster are refused, and both sides log it")
    func refusedLinks() throws {
        let bed = try WorkerBed()
        try bed.registered()
        var wrongCluster = Policies.policy(.frontend, id: 1, generation: 2)
        wrongCluster.cluster = ClusterValues(clusterID: "elsewhere")
        var wrongVersion = Policies.policy(.frontend, id: 1, generation: 2)
        wrongVersion.oldestMinor = 5
        wrongVersion.newestMinor = 7
        let cases: [(LinkPolicy, LinkKind, RefuseCode)] = [
            (Policies.policy(.frontend, id: 1, generation: 2), .control, .linkKind),
            (Policies.policy(.router, id: 1, generation: 2), .data, .role),
            (wrongCluster, .data, .cluster), (wrongVersion, .data, .version),
        ]
        for (index, (policy, kind, code)) in cases.enumerated() {
            let stranger = try ScriptedFrontend("stranger\(index)", bed, policy, opens: false)
            guard case .failure(.refused(let refusal)) = try stranger.open(kind) else {
                Issue.record("case \(index) was not refused")
                continue
            }
            #expect(refusal.code == code)
            bed.pass(.seconds(2))
            #expect(bed.log.contains("refused (\(code)"))
        }
        let first = try bed.frontend("first", id: 7, generation: 1)
        let second = try ScriptedFrontend("second", bed, Policies.policy(.frontend, id: 7, generation: 2), opens: false)
        guard case .failure(.refused(let refusal)) = try second.open(.data) else { throw NotInTime("a refusal") }
        #expect(refusal.code == .duplicateIdentity && refusal.retryable)
        first.on { $0.link?.goodbye(.leaving) }
        bed.pass(.seconds(3))
        _ = try second.open(.data).get()
        // Whoever retries for ever does not fill the log.
        let noisy = try ScriptedFrontend("noisy", bed, wrongCluster, opens: false)
        for _ in 0..<30 { _ = try noisy.open(.data) }
        bed.pass(.seconds(2))
        #expect(bed.count("apus_worker_rejected_links_total") == "35")
        #expect((5...20).contains(bed.log.all.filter { $0.contains("link refused") }.count))
    }

    @Test("any message of any kind with any content leaves the worker serving", arguments: 1...4 as ClosedRange<UInt64>)
    func hostile(seed: UInt64) throws {
        let bed = try WorkerBed(seed: seed)
        try bed.registered()
        let good = try bed.frontend()
        var random = SeededRandom(seed: seed)
        for round in 0..<60 {
            let name = "hostile\(round)"
            let stranger = try ScriptedFrontend(name, bed, Policies.policy(.tool, id: 50, generation: UInt64(1_000 + round)), opens: false)
            let kind: LinkKind = random.next() % 3 == 0 ? .recovery : .data
            let link = try stranger.open(kind).get()
            for _ in 0..<6 {
                let message = MessageKind.allCases[Int(random.next() % UInt64(MessageKind.allCases.count))]
                guard message.rawValue >> 8 != 0 || message == .failure else { continue }
                var body: [UInt8] = []
                switch random.next() % 3 {
                case 0: body = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                default: body = Self.body(MessageCatalog.random(message, seed: random.next()))
                }
                if random.next() % 3 == 0, !body.isEmpty { body[Int(random.next() % UInt64(body.count))] ^= UInt8(1 + random.next() % 255) }
                let flags: MessageHeader.Flags = random.next() % 2 == 0 ? .question : []
                let origin = random.next() % 4 == 0 ? random.next() : stranger.origin
                stranger.on { _ in
                    link.send(MessageHeader(kind: message, flags: flags, origin: origin, number: random.next() % 5)) { $0 += body }
                }
                bed.pass(.milliseconds(Int64(random.next() % 20)))
            }
            stranger.host.kill(random.next() % 2 == 0 ? .reset : .silent)
        }
        good.generate(good.entry(1, maxTokens: 30))
        try good.finish(1)
        #expect(good.tokens(1).count == 30)
        bed.pass(.seconds(10))
        #expect(bed.isAtRest)
        #expect(bed.on { $0.registeredRouters } == 1)
    }

    private static func body(_ message: any WireMessage) -> [UInt8] { MessageCatalog.body(message) }

    @Test(
        "requests at random from several frontends, with cancels, losses and a drain at the end, leave nothing",
        arguments: 1...6 as ClosedRange<UInt64>)
    func storm(seed: UInt64) throws {
        let bed = try WorkerBed(seed: seed, engine: .worker(sequences: 5, batched: 300, waiting: 10, ranks: 2))
        try bed.registered()
        var random = SeededRandom(seed: seed), fronts: [ScriptedFrontend] = [], counter: UInt64 = 0
        for index in 0..<3 { fronts.append(try bed.frontend("front\(index)", id: UInt64(index), generation: UInt64(500 + index))) }
        for round in 0..<150 {
            let place = Int(random.next() % 3), front = fronts[place]
            counter += 1
            let count = UInt8(1 + random.next() % 2), prompt = Int(1 + random.next() % 700), most = UInt32(1 + random.next() % 40)
            let rank = UInt32(random.next() % 2)
            front.generate(
                front.entry(counter, prompt: prompt, maxTokens: most, lease: counter) {
                    $0.choices = count
                    $0.rank = rank
                })
            if random.next() % 3 == 0 { front.cancel(1 + random.next() % counter) }
            bed.pass(.milliseconds(Int64(random.next() % 60)))
            if round % 40 == 39 {
                front.host.kill(.reset)
                fronts[place] = try bed.frontend("front\(place)-\(round)", id: UInt64(place), generation: UInt64(1_000 + round))
            }
        }
        let drained = try bed.run { [service = bed.service] in await service.drain() }
        #expect(drained)
        bed.on { $0.stop() }
        bed.pass(.seconds(2))
        #expect(bed.isAtRest)
        #expect(bed.router.faults == [])
        for front in fronts {
            #expect(front.faults == [])
            for case .status(.acceptedStatus(let status)) in front.heard {
                let story = front.story(status.counter)
                #expect(story.filter { $0.hasPrefix("ended") }.count == 1 && story.last?.hasPrefix("ended") == true)
            }
        }
        // Of every lease the stream tells one beginning and one end.
        for lease in 1...counter {
            let story = bed.router.story(of: lease)
            guard !story.isEmpty else { continue }
            #expect(story.first == "accepted" && story.last?.hasPrefix("ended") == true)
            #expect(story.filter { $0.hasPrefix("ended") }.count == 1)
        }
    }
}
