import ClusterModel
import Testing
import WireProtocol

@testable import ClusterFollowing

@Suite("Timelines of requests, put together from three streams")
struct TimelineBookTests {
    private static let life = FollowedLife(worker: 5, generation: 6)
    private static let frontend: UInt64 = 0xF0
    private var book = TimelineBook()

    private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    private static func key(_ counter: UInt64, _ attempt: UInt8 = 1) -> RequestKey {
        RequestKey(origin: frontend, counter: counter, attempt: attempt)
    }

    private static func slice(_ counter: UInt64, attempts: UInt8 = 1) -> RequestSlice {
        var slice = RequestSlice()
        slice.counter = counter
        slice.attempts = attempts
        slice.status = 200
        slice.model = "m"
        slice.durations.totalMicroseconds = 9_000
        return slice
    }

    private static func route(_ counter: UInt64, _ attempt: UInt8 = 1, lease: UInt64) -> RouteSlice {
        var leg = PlanLeg()
        leg.lease = lease
        return RouteSlice(
            request: key(counter, attempt), outcome: .placed, legs: [leg], promptBlocks: 3, reachableBlocks: 2, queueMicroseconds: 10,
            decisionNanoseconds: 5, queueDepth: 0)
    }

    private static func accepted(_ counter: UInt64, _ attempt: UInt8 = 1, lease: UInt64) -> WorkerEvent {
        .requestAccepted(
            RequestAccepted(
                lease: lease, request: key(counter, attempt), routerID: 1, rank: 0, leg: .aggregated, promptTokens: 3, prefillTokens: 3,
                maxTokens: 4, expectedOutputTokens: nil))
    }

    private static func ended(_ counter: UInt64, _ attempt: UInt8 = 1, lease: UInt64, _ reason: EndReason = .finished) -> WorkerEvent {
        .requestEnded(
            RequestEnded(
                lease: lease, request: key(counter, attempt), rank: 0, leg: .aggregated, reason: reason, promptTokens: 3, cachedTokens: 1,
                outputTokens: 4,
                durations: WorkerDurations(
                    waitedMicroseconds: 1, prefillMicroseconds: 2, decodeMicroseconds: 3, transferMicroseconds: 0,
                    exposedTransferMicroseconds: 0)))
    }

    @Test("whatever comes first, a request is told of once, when all three have told of it")
    func orders() throws {
        let parts: [(inout TimelineBook) -> Void] = [
            { $0.told(Self.slice(1), by: Self.frontend, at: Self.at(1)) },
            { $0.placed(Self.route(1, lease: 7), by: 0, at: Self.at(1)) },
            { $0.event(Self.accepted(1, lease: 7), on: Self.life, at: Self.at(1)) },
            { $0.event(Self.ended(1, lease: 7), on: Self.life, at: Self.at(1)) },
        ]
        // Streams come in any order among each other; a worker's own words in theirs.
        for order in [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 1, 0], [2, 1, 0, 3], [0, 2, 3, 1], [1, 0, 3], [3, 1, 0]] {
            var book = TimelineBook()
            for (step, part) in order.enumerated() {
                #expect(book.takeEnded().isEmpty, "\(order) before \(step)")
                parts[part](&book)
            }
            let timeline = try #require(book.takeEnded().first, "\(order)")
            #expect(timeline.legs.count == 1 && timeline.routes.count == 1 && timeline.slice?.status == 200)
            #expect(timeline.legs[0].end == .finished && timeline.legs[0].durations.decodeMicroseconds == 3)
            #expect(timeline.queueMicroseconds == 10 && timeline.answering?.outputTokens == 4)
            // What is said again is late.
            for part in parts { part(&book) }
            book.tick(at: Self.at(60_000))
            #expect(book.takeEnded().isEmpty && book.openCount == 0, "\(order)")
        }
    }

    @Test("a request that ran twice has both its legs, and a router's word on each")
    mutating func attempts() throws {
        book.placed(Self.route(1, lease: 7), by: 0, at: Self.at(1))
        book.event(Self.accepted(1, lease: 7), on: Self.life, at: Self.at(2))
        book.left(Self.life, at: Self.at(3))
        let other = FollowedLife(worker: 8, generation: 1)
        book.placed(Self.route(1, 2, lease: 9), by: 0, at: Self.at(4))
        book.event(Self.accepted(1, 2, lease: 9), on: other, at: Self.at(5))
        book.event(Self.ended(1, 2, lease: 9), on: other, at: Self.at(6))
        #expect(book.takeEnded().isEmpty)
        book.told(Self.slice(1, attempts: 2), by: Self.frontend, at: Self.at(7))
        let timeline = try #require(book.takeEnded().first)
        #expect(timeline.legs.map(\.life) == [Self.life, other] && timeline.legs.map(\.end) == [nil, .finished])
        #expect(timeline.routes.count == 2 && timeline.queueMicroseconds == 20)
    }

    @Test("what somebody does not tell is waited for, bounded; one whose frontend is gone is told of as far as it is known")
    mutating func silence() throws {
        // Refused by the router: no placement, no leg.
        book.told(Self.slice(1), by: Self.frontend, at: Self.at(0))
        // Its frontend leaves.
        book.event(Self.accepted(2, lease: 7), on: Self.life, at: Self.at(0))
        book.event(Self.ended(2, lease: 7, .linkLost), on: Self.life, at: Self.at(0))
        // Placed, and never accepted.
        book.placed(Self.route(3, lease: 8), by: 0, at: Self.at(0))
        // It runs.
        book.event(Self.accepted(4, lease: 9), on: Self.life, at: Self.at(0))
        book.tick(at: Self.at(1_400))
        #expect(book.takeEnded().isEmpty)
        book.tick(at: Self.at(1_500))
        #expect(book.takeEnded().map(\.id.counter) == [1])
        book.left(frontend: Self.frontend)
        book.tick(at: Self.at(5_000))
        let ended = book.takeEnded()
        #expect(ended.map(\.id.counter) == [2] && ended[0].slice == nil && ended[0].legs[0].end == .linkLost)
        book.tick(at: Self.at(1_800_000))
        #expect(book.openCount == 1)
        book.tick(at: Self.at(1_900_000))
        #expect(book.openCount == 0)
    }

    @Test("what waits in a queue, with no leg yet or after one that failed, is no request whose frontend is gone")
    mutating func parked() throws {
        book.left(frontend: Self.frontend)
        book.joined(frontend: Self.frontend)
        book.placed(Self.route(1, lease: 7), by: 0, at: Self.at(0))
        book.event(Self.accepted(1, lease: 7), on: Self.life, at: Self.at(0))
        book.event(Self.ended(1, lease: 7, .failed), on: Self.life, at: Self.at(0))
        book.placed(Self.route(2, lease: 8), by: 0, at: Self.at(0))
        book.tick(at: Self.at(6_000))
        #expect(book.takeEnded().isEmpty && book.openCount == 2)
        book.told(Self.slice(1, attempts: 2), by: Self.frontend, at: Self.at(10_000))
        book.placed(Self.route(1, 2, lease: 9), by: 0, at: Self.at(10_000))
        book.event(Self.ended(1, 2, lease: 9), on: Self.life, at: Self.at(10_000))
        let timeline = try #require(book.takeEnded().first)
        #expect(timeline.slice?.attempts == 2 && timeline.legs.map(\.end) == [.failed, .finished] && timeline.routes.count == 2)
        // Its frontend's word is lost, and nothing ever ran.
        book.tick(at: Self.at(900_000))
        #expect(book.takeEnded().isEmpty && book.openCount == 0)
    }

    @Test("one that was told of without its frontend's word is told of again with it, and then no more")
    mutating func lateSlice() {
        book.event(Self.ended(1, lease: 7, .linkLost), on: Self.life, at: Self.at(0))
        book.left(frontend: Self.frontend)
        book.tick(at: Self.at(5_000))
        #expect(book.takeEnded().map(\.slice?.status) == [nil])
        book.told(Self.slice(1), by: Self.frontend, at: Self.at(6_000))
        book.tick(at: Self.at(8_000))
        #expect(book.takeEnded().map(\.slice?.status) == [200])
        book.told(Self.slice(1), by: Self.frontend, at: Self.at(9_000))
        #expect(book.openCount == 0)
    }

    @Test("what ended before the watch began is not told of, whoever told of it until then; what goes on is")
    mutating func beginning() {
        // Whole; told of by its frontend alone; by its worker alone; running.
        book.placed(Self.route(1, lease: 1), by: 0, at: Self.at(0))
        book.event(Self.ended(1, lease: 1), on: Self.life, at: Self.at(0))
        book.told(Self.slice(1), by: Self.frontend, at: Self.at(0))
        book.told(Self.slice(2), by: Self.frontend, at: Self.at(0))
        book.event(Self.ended(3, lease: 3), on: Self.life, at: Self.at(0))
        book.event(Self.accepted(4, lease: 4), on: Self.life, at: Self.at(0))
        book.begin()
        #expect(book.openCount == 2)
        // Late words on what had ended.
        book.event(Self.ended(2, lease: 2), on: Self.life, at: Self.at(100))
        book.event(Self.ended(4, lease: 4), on: Self.life, at: Self.at(100))
        book.placed(Self.route(4, lease: 4), by: 0, at: Self.at(100))
        book.told(Self.slice(4), by: Self.frontend, at: Self.at(100))
        #expect(book.takeEnded().map(\.id.counter) == [4])
        book.tick(at: Self.at(2_000_000))
        #expect(book.takeEnded().isEmpty && book.openCount == 0)
    }

    @Test("the answering leg is that of the last attempt, and the last placement too, whatever is told last")
    mutating func lateParts() throws {
        book.placed(Self.route(1, 2, lease: 9), by: 1, at: Self.at(0))
        book.event(Self.ended(1, 2, lease: 9), on: Self.life, at: Self.at(0))
        book.placed(Self.route(1, 1, lease: 7), by: 0, at: Self.at(1))
        book.told(Self.slice(1, attempts: 2), by: Self.frontend, at: Self.at(1))
        book.event(Self.ended(1, 1, lease: 7, .failed), on: FollowedLife(worker: 8, generation: 1), at: Self.at(2))
        let timeline = try #require(book.takeEnded().first)
        #expect(timeline.answering?.life == Self.life && timeline.answering?.end == .finished)
        #expect(timeline.routes.map(\.router) == [0, 1] && timeline.legs.map(\.attempt) == [1, 2])

        var split = Timeline(id: timeline.id)
        for role in [Leg.decode, .prefill] {
            split.add(Timeline.Leg(lease: UInt64(role.rawValue), life: Self.life, attempt: 1, role: role, rank: 0))
        }
        #expect(split.legs.map(\.role) == [.prefill, .decode] && split.answering?.role == .decode)
    }

    @Test("after a snapshot only what a worker holds still runs there")
    mutating func rejoined() {
        for counter in 1...2 as ClosedRange<UInt64> {
            book.placed(Self.route(counter, lease: counter), by: 0, at: Self.at(0))
            book.event(Self.accepted(counter, lease: counter), on: Self.life, at: Self.at(0))
            book.told(Self.slice(counter), by: Self.frontend, at: Self.at(0))
        }
        book.rejoined(Self.life, held: [2])
        #expect(book.takeEnded().map(\.id.counter) == [1] && book.openCount == 1)
    }

    @Test("hostile streams cost bounded memory: too many requests, too many legs of one, leases of others")
    mutating func bounds() {
        for counter in 0..<UInt64(FollowingBounds.openRequests + 10) {
            book.event(Self.accepted(counter, lease: counter + 1), on: Self.life, at: Self.at(0))
        }
        #expect(book.openCount == FollowingBounds.openRequests && book.dropped == 10)
        for lease in 1_000_000..<1_000_100 as Range<UInt64> {
            book.event(Self.accepted(0, lease: lease), on: Self.life, at: Self.at(0))
        }
        // Another worker speaks of a lease that is not its own.
        book.event(Self.ended(3, lease: 1), on: FollowedLife(worker: 99, generation: 1), at: Self.at(0))
        book.told(Self.slice(0), by: Self.frontend, at: Self.at(0))
        book.tick(at: Self.at(1_500))
        let ended = book.takeEnded()
        #expect(ended.map(\.id.counter) == [0] && ended[0].legs.count == 16 && ended[0].legs[0].end == nil)
    }
}
