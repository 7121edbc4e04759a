import ClusterModel
import EventLoop
import HTTPServing
import JSONText
import Testing

/// Bytes that two servers in a row may take apart differently, with a request hidden in them. The table is `Tests/Fixtures/http/smuggling.json`;
/// `deploy/dev/edge` replays it against a living frontend.
struct SmugglingPair: Sendable, CustomTestStringConvertible {
    /// Which two readings there are, as CL.TE: the one by its length, the other by its coding.
    let kind: String
    let name: String
    let send: [UInt8]
    /// Nil where there is one reading after all, in which the hidden request is content.
    let status: Int?

    var testDescription: String { "\(kind): \(name)" }

    static let all: [SmugglingPair] = HTTPFixture.array("smuggling").map { value in
        SmugglingPair(
            kind: value["kind"]?.asString ?? "", name: value["name"]?.asString ?? "", send: HTTPFixture.bytes(value["send"]),
            status: value["status"]?.asInt)
    }
}

@Suite("No request hides in another (T2)")
struct SmugglingTests {
    @Test("there are as many pairs as T2 wants, of every kind, each with its hidden request")
    func count() {
        let refused = SmugglingPair.all.filter { $0.status != nil }
        #expect(refused.count >= 60)
        for kind in ["CL.TE", "TE.CL", "TE.TE", "CL.CL", "chunks", "lines"] { #expect(refused.count { $0.kind == kind } >= 10, "\(kind)") }
        #expect(Set(SmugglingPair.all.map(\.testDescription)).count == SmugglingPair.all.count)
        #expect(
            SmugglingPair.all.allSatisfy { String(decoding: $0.send, as: UTF8.self).contains("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") })
    }

    @Test(
        "one answer and the end of the connection, whole and byte by byte; neither what is hidden nor what follows is served",
        arguments: SmugglingPair.all)
    func hidden(_ pair: SmugglingPair) {
        for isCut in [false, true] {
            let stage = ConformanceStage(), client = stage.client()
            stage.send(pair.send + ConformanceStage.good, from: client, isCut: isCut)
            stage.run(.seconds(5))
            let answers = Answers(stage.text(of: client))
            #expect(!stage.paths.contains("/smuggled"), "\(stage.paths)")
            if let status = pair.status {
                #expect(answers.statuses == [status] && answers.rest.isEmpty, "\(answers.statuses)")
                #expect(answers.all.first?.fields["connection"] == "close")
                #expect(stage.paths.isEmpty && !stage.isOpen(client))
            } else {
                // The request and the one behind it, and nothing between.
                #expect(answers.all.count == 2 && answers.statuses.last == 200, "\(answers.statuses)")
                #expect(stage.isOpen(client))
            }
        }
    }

    @Test(
        "the parser alone finds no request in what is refused, however it is cut", arguments: SmugglingPair.all.filter { $0.status != nil })
    func cuts(_ pair: SmugglingPair) {
        let whole = parse(pair.send + ConformanceStage.good)
        #expect(whole.requests.isEmpty && whole.status == pair.status, "\(whole)")
        for size in [1, 2, 3, 7, 64] { #expect(parse(pair.send + ConformanceStage.good) { _ in size } == whole) }
    }
}
