import ClusterModel
@testable import EngineAdapters
import Testing

@Suite("Where an engine's events can be had")
struct EngineEventFeedTests {
    @Test("an endpoint is written as it was read", arguments: ["tcp://127.0.0.1:5557", "tcp://[::1]:1", "tcp://localhost:65535"])
    func endpoints(text: String) throws {
        #expect(try ZMTPEndpoint(parsing: text).description == text)
    }

    @Test(
        "what is none is refused by what it lacks",
        arguments: [
            ("127.0.0.1:5557", "tcp://"), ("ipc:///run/kv", "tcp://"), ("tcp://host", "a number"), ("tcp://host:0", "a number"),
            ("tcp://host:65536", "a number"), ("tcp://*:5557", "none can be reached"), ("tcp://:5557", "names the engine's host"),
            ("tcp://::1:5557", "brackets"), ("tcp://host/path:5557", "names the engine's host"),
        ])
    func refused(text: String, words: String) {
        do throws(ZMTPEndpoint.Invalid) {
            _ = try ZMTPEndpoint(parsing: text)
            Issue.record("\(text) is taken")
        } catch { #expect(error.description.contains(words), "\(error)") }
    }

    @Test("each rank has the ports behind those of the one before it")
    func ranks() throws {
        var first = EngineEventFeed(rank: Rank(0), events: ZMTPEndpoint(host: "h", port: 10), topic: "kv")
        first.replay = ZMTPEndpoint(host: "h", port: 20)
        first.load = ZMTPEndpoint(host: "h", port: 65_534)
        let feeds = try #require(EngineEventFeed.ranks(2, from: first))
        #expect(feeds.map(\.rank) == [Rank(0), Rank(1)] && feeds.map(\.events.port) == [10, 11])
        #expect(feeds.map(\.replay?.port) == [20, 21] && feeds.map(\.load?.port) == [65_534, 65_535] && feeds[1].topic == "kv")
        #expect(EngineEventFeed.ranks(3, from: first) == nil, "there is no port behind the last")
    }
}
