import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Questions and answers")
    struct QuestionTests {
        /// Answers each question with its double.
        @LoopActor
        private static func doubling(_ link: Link, _ recorder: Recorder) {
            recorder.react = { link, header, body in
                guard header.kind == .openSession, let ask = try? Codec.decodeBody(Ask.self, from: body) else { return }
                link.answer(header, with: Reply(ask.value * 2, padding: ask.padding))
            }
        }

        /// Keeps the questions for later.
        @LoopActor
        private final class Drawer {
            var headers: [MessageHeader] = []
            nonisolated init() {}
        }

        @Test("each question gets its own answer, many at once and large ones compressed", arguments: Kind.all)
        func answers(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(prepare: Self.doubling)
                try await pair.a.run {
                    let loop = pair.link.loop, done = Mailbox<UInt64>(on: loop)
                    for value in 0..<UInt64(TransportLimits.openQuestions) {
                        loop.spawn {
                            let padding = value % 2 == 0 ? [] : [UInt8](repeating: UInt8(value), count: 100_000)
                            let reply = try? await pair.link.ask(
                                Ask(value, padding: padding), answeredBy: Reply.self, within: .seconds(10), compressed: value % 4 == 1)
                            #expect(reply == Reply(value * 2, padding: padding))
                            done.put(value)
                        }
                    }
                    var seen: [UInt64] = [], batch: [UInt64] = []
                    while seen.count < TransportLimits.openQuestions {
                        guard await done.next(&batch, until: loop.now + .seconds(10)) == .items else { throw TimedOut("all answers") }
                        seen += batch
                    }
                    #expect(seen.sorted() == Array(0..<UInt64(TransportLimits.openQuestions)))
                }
            }
        }

        @Test("a question ends at its deadline, and its late answer disturbs nobody", arguments: Kind.all)
        func deadline(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let drawer = Drawer()
                let pair = try await harness.open { _, recorder in
                    recorder.react = { _, header, _ in drawer.headers.append(header) }
                }
                try await pair.a.run {
                    let started = pair.link.loop.now
                    #expect(await Self.failure(pair.link, Ask(1), within: .milliseconds(50)) == .timedOut)
                    #expect(started.duration(to: pair.link.loop.now) >= .milliseconds(50))
                }
                try await pair.b.run {
                    #expect(drawer.headers.count == 1)
                    pair.peerLink.answer(drawer.headers[0], with: Reply(111))
                    // Nor does an answer that is sent twice.
                    pair.peerLink.answer(drawer.headers[0], with: Reply(112))
                    pair.peerHeard.react = { link, header, _ in link.answer(header, with: Reply(7)) }
                }
                try await pair.a.run {
                    let reply = try await pair.link.ask(Ask(2), answeredBy: Reply.self, within: .seconds(10))
                    #expect(reply == Reply(7))
                    #expect(pair.heard.messages.isEmpty && pair.link.isOpen)
                }
            }
        }

        @Test("a side asks no more than its limit at once", arguments: Kind.all)
        func limitHere(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let drawer = Drawer()
                let pair = try await harness.open { _, recorder in
                    recorder.react = { _, header, _ in drawer.headers.append(header) }
                }
                try await pair.a.run {
                    for value in 0..<UInt64(TransportLimits.openQuestions) {
                        pair.link.loop.spawn { _ = try? await pair.link.ask(Ask(value), answeredBy: Reply.self, within: .seconds(10)) }
                    }
                    await pair.link.loop.sleep(for: .milliseconds(5))
                    let failure = await Self.failure(pair.link, Ask(99))
                    guard case .failed(let why) = failure else { return #expect(Bool(false), "\(String(describing: failure))") }
                    #expect(why.code == .tooManyQuestions)
                }
                try await pair.b.until("the questions") { drawer.headers.count == TransportLimits.openQuestions }
                try await pair.b.run { for header in drawer.headers { pair.peerLink.answer(header, with: Reply(0)) } }
                try await pair.a.until("room for questions") { pair.link.isOpen }
            }
        }

        @LoopActor
        private static func failure<Q: WireMessage>(_ link: Link, _ question: Q, within limit: Duration = .seconds(10)) async
            -> LinkFailure?
        {
            do throws(LinkFailure) { _ = try await link.ask(question, answeredBy: Reply.self, within: limit) } catch { return error }
            return nil
        }

        /// A raw peer on a link that B's side has opened.
        private func stranger(_ harness: any Harness) async throws -> (peer: RawPeer, side: Side) {
            let (side, address) = try await harness.listen()
            let peer = try await RawPeer.dial(address, from: harness.a)
            try await harness.a.run { peer.send(RawPeer.greeting + RawPeer.frame(RawPeer.hello())) }
            try await harness.a.until("a welcome") { peer.first(Welcome.self) != nil }
            return (peer, side)
        }

        @Test("a peer that asks more than the limit is told, and answers make room again", arguments: Kind.all)
        func limitThere(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (peer, side) = try await stranger(harness)
                let limit = TransportLimits.openQuestions
                var unknown = MessageHeader(kind: .openSession, flags: .question, number: 1_000)
                unknown.rawKind = 0x03FE
                let odd = unknown
                try await harness.a.run {
                    for number in 0..<limit { peer.send(RawPeer.frame(Ask(1), flags: .question, number: UInt64(number))) }
                    // Questions that the link answers by itself take no place, and give none.
                    for _ in 0..<5 { peer.send(Self.frame(odd)) }
                    peer.send(RawPeer.frame(Misplaced(), flags: .question, number: 2_000))
                    peer.send(RawPeer.frame(Ask(1), flags: .question, number: 3_000))
                }
                try await harness.a.until("seven failures") { Self.failures(peer).count == 7 }
                try await harness.a.run {
                    let failures = Self.failures(peer)
                    #expect(failures.map(\.number) == [1_000, 1_000, 1_000, 1_000, 1_000, 2_000, 3_000])
                    #expect(
                        failures.map(\.failure.code) == [FailureCode](repeating: .unsupportedKind, count: 5) + [
                            .notAllowedHere, .tooManyQuestions,
                        ])
                }
                try await harness.b.run {
                    #expect(side.recorders[0].messages.count == limit)
                    side.links[0].answer(MessageHeader(kind: .openSession, flags: .question, number: 0), with: Reply(1))
                }
                try await harness.a.run { peer.send(RawPeer.frame(Ask(1), flags: .question, number: 4_000)) }
                try await harness.b.until("the question that fits again") { side.recorders[0].messages.last?.number == 4_000 }
            }
        }

        private static func frame(_ header: MessageHeader) -> [UInt8] {
            var bytes: [UInt8] = []
            _ = Codec.beginMessage(header, in: &bytes)
            return RawPeer.frame(bytes)
        }

        @LoopActor
        private static func failures(_ peer: RawPeer) -> [(number: UInt64, failure: Failure)] {
            peer.messages.compactMap { header, body in
                guard header.kind == .failure, header.flags.contains(.answer) else { return nil }
                return (try? Codec.decodeBody(Failure.self, from: body.span.bytes)).map { (header.number, $0) }
            }
        }

        @Test("a Failure comes back as an error with its code; so does one for a kind that belongs elsewhere", arguments: Kind.all)
        func failures(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in
                    recorder.react = { link, header, _ in link.answer(header, with: Failure(.draining, reason: "soon gone")) }
                }
                try await pair.a.run {
                    let told = await Self.failure(pair.link, Ask(1))
                    #expect(told == .failed(Failure(.draining, reason: "soon gone")))
                    let misplaced = await Self.failure(pair.link, Misplaced())
                    guard case .failed(let why) = misplaced else { return #expect(Bool(false), "\(String(describing: misplaced))") }
                    #expect(why.code == .notAllowedHere)
                    #expect(pair.link.isOpen)
                }
            }
        }

        @Test("an answer of the wrong kind is malformed, and ends the link", arguments: Kind.all)
        func wrongAnswer(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in
                    recorder.react = { link, header, _ in link.answer(header, with: Ask(3)) }
                }
                try await pair.a.run {
                    let told = await Self.failure(pair.link, Ask(1))
                    #expect(told == .malformed(WireError(.unexpectedKind, "kind")))
                }
                try await pair.a.until("the end") { pair.heard.ends == [.badMessage(WireError(.unexpectedKind, "kind"))] }
                try await pair.b.until("the end") { pair.peerHeard.ends == [.goodbye(.protocolError, byPeer: true)] }
            }
        }

        @Test("open questions end with their link, and none can be asked after", arguments: Kind.all)
        func linkEnds(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in recorder.react = { link, _, _ in link.abort() } }
                try await pair.a.run {
                    let told = await Self.failure(pair.link, Ask(1))
                    #expect(told == .ended)
                    #expect(pair.heard.ends.count == 1)
                    let after = await Self.failure(pair.link, Ask(2))
                    #expect(after == .ended)
                }
            }
        }
    }
}
