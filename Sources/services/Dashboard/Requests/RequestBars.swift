import ClusterFollowing
import WireProtocol

/// A request's time as bars on a few lanes: the frontend's, and one for each leg.
///
/// Every process measures on its own clock, so lanes are laid beside one another by what the frontend knows of the whole: when it had a plan, when a
/// worker took the request on, when the first token came. Attempts before the last one have no such marks; their lanes follow one another.
struct RequestBars {
    struct Bar: Equatable {
        let stage: String
        let start: UInt64
        let length: UInt64
    }

    struct Lane: Equatable {
        enum Place: Equatable {
            case frontend
            case leg(Int)
        }

        let place: Place
        var bars: [Bar] = []
    }

    /// No stage takes longer; a peer may claim anything.
    fileprivate static let longest: UInt64 = 366 * 86_400 * 1_000_000

    private(set) var lanes: [Lane] = []
    private(set) var total: UInt64 = 0

    init(_ timeline: Timeline) {
        let times = (timeline.slice?.durations ?? StageDurations()).bounded
        var own = Lane(place: .frontend)
        var clock: UInt64 = 0
        func add(_ stage: String, _ length: UInt64) {
            if length > 0 { own.bars.append(Bar(stage: stage, start: clock, length: length)) }
            clock += length
        }
        let queued = timeline.slice == nil ? min(timeline.queueMicroseconds, Self.longest) : times.queueMicroseconds
        add("tokenize", times.tokenizeMicroseconds)
        add("queue", queued)
        add("route", times.routeMicroseconds > queued ? times.routeMicroseconds - queued : 0)
        let planned = clock
        add("dispatch", times.dispatchMicroseconds)
        let last = timeline.legs.map(\.attempt).max() ?? 1
        var legStart = planned
        // Earlier attempts lie between the plan and the last one.
        for (place, leg) in timeline.legs.enumerated() where leg.attempt < last {
            let lane = Self.lane(place, leg, from: legStart)
            legStart = min(lane.end, Self.longest)
            lanes.append(lane)
        }
        var begin = max(clock, legStart)
        if timeline.slice != nil, times.firstTokenMicroseconds > 0, timeline.slice?.attempts ?? 1 > 1 {
            // The first token is a mark that all clocks agree on: the last attempt ends its prefill there.
            let before =
                timeline.legs.first { $0.attempt == last }.map { leg in
                    min(leg.durations.waitedMicroseconds, Self.longest) + min(leg.durations.prefillMicroseconds, Self.longest)
                } ?? 0
            if times.firstTokenMicroseconds > before { begin = max(begin, times.firstTokenMicroseconds - before) }
        }
        var end = begin
        for (place, leg) in timeline.legs.enumerated() where leg.attempt == last {
            // A decode leg is there from the beginning, and has its state when the transfer has ended.
            let lane = Self.lane(
                place, leg, from: leg.role == .decode ? max(begin, end.subtracting(leg.durations.waitedMicroseconds)) : begin)
            end = max(end, lane.end)
            lanes.append(lane)
        }
        clock = max(clock, end)
        add("write", times.writeMicroseconds)
        lanes.insert(own, at: 0)
        total = max(times.totalMicroseconds, lanes.map(\.end).max() ?? 0)
    }

    private static func lane(_ place: Int, _ leg: Timeline.Leg, from start: UInt64) -> Lane {
        var lane = Lane(place: .leg(place)), clock = start
        let times = leg.durations
        for (stage, length) in [
            ("wait", times.waitedMicroseconds), ("prefill", times.prefillMicroseconds),
            // What of a transfer lies behind the prefill; the rest happened beside it.
            ("transfer", times.exposedTransferMicroseconds), ("decode", times.decodeMicroseconds),
        ] where length > 0 {
            lane.bars.append(Bar(stage: stage, start: clock, length: min(length, longest)))
            clock += min(length, longest)
        }
        return lane
    }
}

extension RequestBars.Lane {
    fileprivate var end: UInt64 { bars.last.map { $0.start + $0.length } ?? 0 }
}

extension UInt64 {
    fileprivate func subtracting(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}

extension StageDurations {
    fileprivate var bounded: StageDurations {
        func cut(_ value: UInt64) -> UInt64 { min(value, RequestBars.longest) }
        var times = self
        times.tokenizeMicroseconds = cut(tokenizeMicroseconds)
        times.routeMicroseconds = cut(routeMicroseconds)
        times.queueMicroseconds = cut(queueMicroseconds)
        times.dispatchMicroseconds = cut(dispatchMicroseconds)
        times.writeMicroseconds = cut(writeMicroseconds)
        times.firstTokenMicroseconds = cut(firstTokenMicroseconds)
        times.totalMicroseconds = cut(totalMicroseconds)
        return times
    }
}
