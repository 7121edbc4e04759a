import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("What RFC 9110 and 9112 demand of a server (T1)")
struct ConformanceTests {
    /// How the bytes of a case reach the server.
    enum Delivery: CaseIterable { case whole, byteByByte, behindAnother }

    @Test("as many requirements are tried as T1 wants, each once")
    func count() {
        #expect(ConformanceCase.all.count >= 113)
        #expect(Set(ConformanceCase.all.map(\.name)).count == ConformanceCase.all.count)
        #expect(
            ConformanceCase.all.allSatisfy {
                !$0.name.isEmpty && !$0.rule.isEmpty && !$0.send.isEmpty && $0.answers.joined().allSatisfy { $0 > 0 }
            })
    }

    @Test(
        "whole, byte by byte and behind another request: the same answers, and a connection that stays or ends",
        arguments: ConformanceCase.all)
    func holds(_ example: ConformanceCase) {
        for delivery in Delivery.allCases { check(example, delivery) }
    }

    private func check(_ example: ConformanceCase, _ delivery: Delivery) {
        let stage = ConformanceStage(), client = stage.client()
        if delivery == .behindAnother { stage.send(ConformanceStage.good, from: client) }
        let before = delivery == .behindAnother ? 1 : 0
        // With what follows in one piece: a connection that ends has it in its kernel by then.
        let followsAtOnce = delivery != .byteByByte && example.then.isEmpty && !example.finishes
        stage.send(example.send + (followsAtOnce ? ConformanceStage.good : []), from: client, isCut: delivery == .byteByByte)
        if !example.then.isEmpty {
            stage.run(.milliseconds(500))
            #expect(stage.text(of: client).hasSuffix("HTTP/1.1 100 Continue\r\n\r\n"), "\(delivery)")
            stage.send(example.then, from: client, isCut: delivery == .byteByByte)
        }
        if example.finishes {
            stage.finish(client)
        } else if !followsAtOnce, example.isKept {
            stage.send(ConformanceStage.good, from: client)
        }
        stage.run(.seconds(5))

        let text = stage.text(of: client), interims = text.components(of: "HTTP/1.1 100 Continue\r\n\r\n")
        let final = interims.joined()
        let answers = Answers(final, heads: example.isHead ? [before + example.answers.count - 1] : [])
        let expected = Array(repeating: [200], count: before) + example.answers + (example.isKept ? [[200]] : [])
        let fits = answers.all.count == expected.count && zip(answers.statuses, expected).allSatisfy { $1.contains($0) }
        #expect(fits, "\(delivery): \(answers.statuses) instead of \(expected)")
        #expect(answers.rest.isEmpty, "\(delivery): \(answers.rest.debugDescription)")
        #expect(stage.isOpen(client) == example.isKept, "\(delivery)")
        switch example.interim {
        case .must: #expect(interims.count == 2, "\(delivery)")
        case .never: #expect(interims.count == 1, "\(delivery)")
        case .either: break
        }
        if let echo = example.echo { #expect(stage.bodies == [echo], "\(delivery)") }
        let place = before + example.answers.count - 1
        guard place >= before, place < answers.all.count else { return }
        checkFields(answers.all[place], example, "\(delivery)")
    }

    private func checkFields(_ answer: Answers.Answer, _ example: ConformanceCase, _ delivery: String) {
        for (name, value) in example.has {
            #expect(
                answer.fields[name] != nil && (value == nil || answer.fields[name] == value), "\(delivery): \(name) in \(answer.fields)")
        }
        for name in example.lacks { #expect(answer.fields[name] == nil, "\(delivery): \(name)") }
        // Of every answer, whatever it is about.
        #expect(answer.fields["date"] != nil, "\(delivery)")
        if answer.status >= 400 {
            #expect(answer.fields["content-type"] == "application/json", "\(delivery)")
            if !example.isHead { #expect(answer.body.hasPrefix("{\"error\":{\"message\":\""), "\(delivery): \(answer.body)") }
            if !example.isKept { #expect(answer.fields["connection"] == "close", "\(delivery)") }
        }
        if answer.status == 405 { #expect(answer.fields["allow"] != nil, "\(delivery)") }
    }
}

/// A server with routes as a frontend has them, and what its application was given.
final class ConformanceStage: @unchecked Sendable {
    // Safety: one test drives it, on one thread.
    private let routed = Routed()
    private(set) var bodies: [String] = []
    private(set) var paths: [String] = []

    /// What stands before a case, and behind it.
    static let good = Array("GET /version HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

    /// Pieces of one byte up to here, the rest at once: what is longer is one thing repeated.
    private static let mostSinglePieces = 1_000

    init() {
        routed.add { table in
            table.takesOnlyJSON = true
            table.on(.get, "/version", run: { self.note($0, isWritten: false) })
            table.on(.get, "/smuggled", run: { self.note($0, isWritten: true) })
            table.on(.post, "/v1/completions", run: { self.note($0, isWritten: true) })
        }
    }

    @LoopActor
    private func note(_ exchange: HTTPExchange, isWritten: Bool) {
        if isWritten {
            paths.append(exchange.request.path)
            bodies.append(String(decoding: exchange.request.body, as: UTF8.self))
        }
        exchange.respond(.text(.ok, "good"))
    }

    func client() -> RawClient {
        let client = routed.client()
        run(.milliseconds(10))
        return client
    }

    func send(_ bytes: [UInt8], from client: RawClient, isCut: Bool = false) {
        let singles = isCut ? min(bytes.count, Self.mostSinglePieces) : 0
        for byte in bytes[..<singles] {
            routed.clientLoop.perform { client.send([byte]) }
            run(.milliseconds(1))
        }
        routed.clientLoop.perform { client.send(Array(bytes[singles...])) }
    }

    func finish(_ client: RawClient) {
        run(.milliseconds(100))
        routed.clientLoop.perform { client.finishSending() }
    }

    func run(_ span: Duration) { routed.world.run(for: span) }
    func text(of client: RawClient) -> String { routed.clientLoop.perform { client.text } }
    func isOpen(_ client: RawClient) -> Bool { routed.clientLoop.perform { client.end == nil } }
}

extension String {
    fileprivate func components(of separator: String) -> [Substring] { split(separator: separator, omittingEmptySubsequences: false) }
}
