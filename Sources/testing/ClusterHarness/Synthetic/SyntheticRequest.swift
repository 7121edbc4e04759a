import ClusterModel
import EventLoop
import WireProtocol

/// One request of a cluster that does not exist, and what three processes would tell of it.
struct SyntheticRequest {
    let number: UInt64
    let origin: UInt64
    /// Places of its workers.
    let prefill: Int
    let decode: Int
    /// What its sizes and times are drawn from.
    let draw: UInt64
    let endsAt: Instant

    private static let promptTokens: UInt32 = 640
    private static let promptBlocks: UInt32 = 40
    /// Of the tenants that requests are from, in turn.
    private static let tenants = ["", "batch", "interactive"]

    private var key: RequestKey { RequestKey(origin: origin, counter: number, attempt: 1) }
    private var cachedBlocks: UInt32 { UInt32(draw % UInt64(Self.promptBlocks)) }
    var outputTokens: UInt32 { 16 + UInt32(draw >> 8 & 0x3F) }
    private var prefillMicroseconds: UInt64 { 20_000 + draw >> 16 & 0xFFFF }
    private var queueMicroseconds: UInt64 { draw >> 32 & 0x3FFF }
    private func lease(_ leg: Leg) -> UInt64 { number << 1 | (leg == .decode ? 1 : 0) }
    /// One in a hundred is turned away, one in five hundred fails.
    private var status: UInt16 { draw % 100 == 7 ? 429 : draw % 500 == 9 ? 500 : 200 }

    func route(_ workers: [WorkerEntry]) -> RouteSlice {
        let legs = [(Leg.prefill, prefill), (.decode, decode)].map { leg, place in
            var planned = PlanLeg()
            planned.leg = leg
            planned.workerID = workers[place].workerID
            planned.generation = workers[place].generation
            planned.lease = lease(leg)
            planned.deviceBlocks = cachedBlocks
            return planned
        }
        return RouteSlice(
            request: key, outcome: .placed, legs: legs, promptBlocks: Self.promptBlocks,
            reachableBlocks: min(cachedBlocks + 4, Self.promptBlocks), queueMicroseconds: queueMicroseconds, decisionNanoseconds: 40_000,
            queueDepth: 3)
    }

    func beginning(router: UInt64) -> [(place: Int, events: [WorkerEvent])] {
        [(Leg.prefill, prefill), (.decode, decode)].map { leg, place in
            let accepted = RequestAccepted(
                lease: lease(leg), request: key, routerID: router, rank: 0, leg: leg, promptTokens: Self.promptTokens,
                prefillTokens: Self.promptTokens - cachedBlocks * 16, maxTokens: outputTokens, expectedOutputTokens: nil)
            let started = RequestStarted(lease: lease(leg), rank: 0, cachedTokens: cachedBlocks * 16, waitedMicroseconds: 700)
            guard leg == .prefill else { return (place, [.requestAccepted(accepted), .requestStarted(started)]) }
            let done = PrefillDone(lease: lease(leg), rank: 0, prefillMicroseconds: prefillMicroseconds)
            return (place, [.requestAccepted(accepted), .requestStarted(started), .prefillDone(done), ended(.prefill)])
        }
    }

    func end() -> (place: Int, event: WorkerEvent) { (decode, ended(.decode)) }

    private func ended(_ leg: Leg) -> WorkerEvent {
        var times = WorkerDurations()
        times.waitedMicroseconds = 700
        if leg == .prefill {
            times.prefillMicroseconds = prefillMicroseconds
            times.transferMicroseconds = 9_000
            times.exposedTransferMicroseconds = 3_000
        } else {
            times.decodeMicroseconds = 800_000
        }
        return .requestEnded(
            RequestEnded(
                lease: lease(leg), request: key, rank: 0, leg: leg, reason: leg == .prefill ? .handedOver : .finished,
                promptTokens: Self.promptTokens, cachedTokens: cachedBlocks * 16, outputTokens: leg == .prefill ? 0 : outputTokens,
                durations: times))
    }

    func slice(_ model: String, at milliseconds: Int64, ran span: Duration) -> RequestSlice {
        var slice = RequestSlice()
        slice.counter = number
        slice.attempts = 1
        slice.model = model
        slice.tenant = Self.tenants[Int(number % 3)]
        slice.status = status
        slice.streaming = true
        slice.choices = 1
        slice.promptTokens = Self.promptTokens
        slice.cachedTokens = cachedBlocks * 16
        slice.outputTokens = status == 200 ? outputTokens : 0
        slice.receivedEpochMilliseconds = UInt64(clamping: milliseconds - span.inMilliseconds)
        slice.durations.tokenizeMicroseconds = 300
        slice.durations.routeMicroseconds = 200 + queueMicroseconds
        slice.durations.queueMicroseconds = queueMicroseconds
        slice.durations.dispatchMicroseconds = 250
        slice.durations.workerWaitMicroseconds = 700
        slice.durations.prefillMicroseconds = prefillMicroseconds
        slice.durations.transferMicroseconds = 3_000
        slice.durations.decodeMicroseconds = 800_000
        slice.durations.firstTokenMicroseconds = 1_500 + queueMicroseconds + prefillMicroseconds
        slice.durations.totalMicroseconds = UInt64(clamping: span.inMicroseconds)
        return slice
    }
}
