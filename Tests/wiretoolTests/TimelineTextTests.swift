import ClusterFollowing
import ClusterModel
import JSONText
import Testing
import WireProtocol

@testable import wiretool

@Suite("Timelines of requests, as they are shown")
struct TimelineTextTests {
    @Test("a timeline is one object of JSON and one line, in which no peer's name moves the cursor")
    func shown() throws {
        var slice = RequestSlice(), plan = PlanLeg(), timeline = Timeline(id: RequestID(origin: 0xF0, counter: 1))
        slice.model = "m\u{1B}[2J\u{7F}\u{9B}31m\u{9F}é"
        slice.durations.totalMicroseconds = 9_000
        plan.lease = 7
        timeline.slice = slice
        timeline.add(
            Timeline.Route(
                router: 0,
                slice: RouteSlice(
                    request: RequestKey(origin: 0xF0, counter: 1, attempt: 1), outcome: .placed, legs: [plan], promptBlocks: 3,
                    reachableBlocks: 2, queueMicroseconds: 10, decisionNanoseconds: 5, queueDepth: 0)))
        timeline.add(Timeline.Leg(lease: 7, life: FollowedLife(worker: 5, generation: 6), attempt: 1, role: .aggregated, rank: 0))
        let json = try JSONValue(parsing: Array(WatchJSON.request(timeline, at: 12).utf8))
        #expect(json["model"]?.asString == slice.model && WatchJSON.request(timeline, at: 12).contains(#"[2J\u007f\u009b31m\u009fé"#))
        #expect(json["type"]?.asString == "request" && json["at_ms"]?.asInt == 12 && json["legs"]?.asArray?.count == 1)
        #expect(json["frontend_us"]?["total"]?.asInt == 9_000 && json["routes"]?.asArray?.first?["queue_us"]?.asInt == 10)
        let line = WatchText.request(timeline, named: [5: "w\u{7F}\n"])
        #expect(line.unicodeScalars.allSatisfy { (0x20..<0x7F).contains($0.value) || $0 == "é" }, "\(line)")
        #expect(line.contains("w??/0") && line.contains("m?[2J??31m?é"))
    }
}
