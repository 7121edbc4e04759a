import ClusterFollowing
import ClusterModel
import EventLoop
import JSONText
import Testing
import WireProtocol

@testable import Dashboard

@Suite("Requests that can be looked up, and their time")
struct RequestBookTests {
    private static let life = FollowedLife(worker: 5, generation: 6), other = FollowedLife(worker: 7, generation: 8)
    private var book = RequestBook()

    private static func slice(_ counter: UInt64, status: UInt16 = 200, attempts: UInt8 = 1, model: String = "m") -> RequestSlice {
        var slice = RequestSlice()
        slice.counter = counter
        slice.status = status
        slice.attempts = attempts
        slice.model = model
        slice.tenant = "t"
        return slice
    }

    private static func id(_ counter: UInt64) -> RequestID { RequestID(origin: 0xF0, counter: counter) }

    private func ids(_ change: (inout RequestBook.Question) -> Void = { _ in }) -> [UInt64] {
        var question = RequestBook.Question()
        change(&question)
        return book.requests(question).map(\.timeline.id.counter)
    }

    private static func accepted(_ counter: UInt64) -> WorkerEvent {
        .requestAccepted(
            RequestAccepted(
                lease: counter, request: RequestKey(origin: 0xF0, counter: counter, attempt: 1), routerID: 1, rank: 0, leg: .aggregated,
                promptTokens: 10, prefillTokens: 10, maxTokens: 5, expectedOutputTokens: nil))
    }

    @Test("this frontend's own requests are kept while nobody looks, the last of them, newest first")
    mutating func own() {
        for counter in 1...UInt64(DashboardLimits.ownRequests + 10) { book.endedHere(Self.slice(counter), origin: 0xF0) }
        #expect(ids { $0.limit = 3 } == (0..<3).map { UInt64(DashboardLimits.ownRequests + 10) - $0 })
        #expect(book.request(Self.id(10)) == nil && book.request(Self.id(11))?.timeline.slice?.counter == 11)
        #expect(ids { $0.limit = 200 }.count == 200)
    }

    @Test("running ones come first, and what ended badly is kept for longer")
    mutating func states() {
        book.beginFollowing()
        book.follow { $0.event(Self.accepted(1_000_000), on: Self.life, at: .zero) }
        book.endedHere(Self.slice(1, status: 500), origin: 0xF0)
        book.follow { $0.told(Self.slice(2, attempts: 2), by: 0xF0, at: .zero) }
        for counter in 3...UInt64(DashboardLimits.endedRequests + 100) { book.follow { $0.told(Self.slice(counter), by: 0xF0, at: .zero) } }
        book.tick(at: Instant(nanoseconds: 2_000_000_000))
        #expect(ids { $0.limit = 2 }.first == 1_000_000)
        #expect(ids { $0.state = .running } == [1_000_000])
        #expect(ids { $0.state = .troubled } == [2, 1])
        #expect(book.request(Self.id(2))?.isRunning == false && book.request(Self.id(1_000_000))?.isRunning == true)
        #expect(
            ids {
                $0.state = .ended; $0.prefix = Self.id(1_000_000).description
            }.isEmpty)
    }

    @Test("a search is by the beginning of an id, a model, a tenant; what it cannot mean is told by its name")
    mutating func search() throws {
        for counter in [0x10, 0x11, 0x20] as [UInt64] {
            book.endedHere(Self.slice(counter, model: counter == 0x20 ? "n" : "m"), origin: 0xF0)
        }
        let kept = book
        func find(_ query: (name: String, value: String)...) throws(QuestionFault) -> [UInt64] {
            let meant = query.contains { $0.value == "mine" } ? Self.id(0x11) : nil
            return try kept.requests(RequestBook.Question(query, meant: meant)).map(\.timeline.id.counter)
        }
        #expect(try find(("id", "00000000000000F0-000000000000001")) == [0x11, 0x10])
        #expect(try find(("id", "mine")) == [0x11])
        #expect(try find(("id", "yours")).isEmpty)
        #expect(try find(("model", "n")) == [0x20] && find(("tenant", "nobody")).isEmpty)
        for (name, value) in [("limit", "0"), ("limit", "201"), ("limit", "x"), ("state", "open"), ("colour", "red")] {
            #expect(throws: QuestionFault.self) { try find((name, value)) }
        }
    }

    @Test("bars of a request on two workers follow one another, and none is longer than the whole")
    func bars() {
        var timeline = Timeline(id: Self.id(1)), slice = Self.slice(1)
        slice.durations.tokenizeMicroseconds = 100
        slice.durations.routeMicroseconds = 300
        slice.durations.queueMicroseconds = 200
        slice.durations.dispatchMicroseconds = 50
        slice.durations.firstTokenMicroseconds = 1_500
        slice.durations.totalMicroseconds = 4_000
        timeline.slice = slice
        var first = Timeline.Leg(lease: 1, life: Self.life, attempt: 1, role: .prefill, rank: 0)
        first.durations.prefillMicroseconds = 1_000
        first.durations.exposedTransferMicroseconds = 70
        var second = Timeline.Leg(lease: 2, life: Self.other, attempt: 1, role: .decode, rank: 1)
        second.durations.decodeMicroseconds = 2_000
        timeline.add(first)
        timeline.add(second)
        let bars = RequestBars(timeline)
        #expect(bars.lanes.map(\.place) == [.frontend, .leg(0), .leg(1)])
        #expect(bars.lanes[0].bars.map(\.stage) == ["tokenize", "queue", "route", "dispatch"])
        #expect(bars.lanes[0].bars.map(\.start) == [0, 100, 300, 400])
        #expect(
            bars.lanes[1].bars == [.init(stage: "prefill", start: 450, length: 1_000), .init(stage: "transfer", start: 1_450, length: 70)])
        #expect(bars.lanes[2].bars == [.init(stage: "decode", start: 1_520, length: 2_000)])
        #expect(bars.total == 4_000)
    }

    @Test("an attempt that was lost lies before the one that followed")
    func attempts() {
        var timeline = Timeline(id: Self.id(1)), slice = Self.slice(1, attempts: 2)
        slice.durations.firstTokenMicroseconds = 9_000
        slice.durations.totalMicroseconds = 12_000
        timeline.slice = slice
        for attempt in 1...2 as ClosedRange<UInt8> {
            var leg = Timeline.Leg(lease: UInt64(attempt), life: Self.life, attempt: attempt, role: .aggregated, rank: 0)
            leg.durations.prefillMicroseconds = 1_000
            leg.durations.decodeMicroseconds = 2_000
            timeline.add(leg)
        }
        let bars = RequestBars(timeline)
        #expect(bars.lanes[1].bars.map(\.start) == [0, 1_000] && bars.lanes[2].bars.map(\.start) == [8_000, 9_000])
    }

    @Test("what peers claim of times traps nobody", arguments: [UInt64.max, UInt64.max / 2, 1 << 62] as [UInt64])
    func hostile(time: UInt64) throws {
        var timeline = Timeline(id: Self.id(1)), slice = Self.slice(1, attempts: 3)
        slice.outputTokens = 7
        slice.promptTokens = .max
        slice.cachedTokens = .max
        slice.durations.tokenizeMicroseconds = time
        slice.durations.routeMicroseconds = time
        slice.durations.queueMicroseconds = time
        slice.durations.dispatchMicroseconds = time
        slice.durations.writeMicroseconds = time
        slice.durations.decodeMicroseconds = time
        slice.durations.firstTokenMicroseconds = time
        slice.durations.totalMicroseconds = time
        slice.receivedEpochMilliseconds = time
        for attempt in 1...3 as ClosedRange<UInt8> {
            for role in [Leg.prefill, .decode] {
                var leg = Timeline.Leg(lease: UInt64(attempt), life: Self.life, attempt: attempt, role: role, rank: .max)
                leg.durations.waitedMicroseconds = time
                leg.durations.prefillMicroseconds = time
                leg.durations.exposedTransferMicroseconds = time
                leg.durations.decodeMicroseconds = time
                timeline.add(leg)
            }
        }
        timeline.slice = slice
        let json = RequestJSON.request(.init(timeline: timeline, isRunning: false), names: [5: "\u{1B}<script>"], decisions: [])
        #expect(try JSONValue(parsing: json)["legs"]?.asArray?.count == 6)
        var traffic = TrafficMeter(), tenants = TenantMeter()
        traffic.ended(slice, blockSize: 0)
        tenants.ended(slice)
        _ = traffic.takePoint(second: 1, seconds: 1)
    }
}
