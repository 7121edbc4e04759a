import ClusterModel
package import WireProtocol

/// The last events of a stream, for whoever missed some. Rules: `proto-spec/03-exchanges.md#feeds`.
///
/// Events of every feed look alike from outside, a tag and a length before each, so one ring serves them all. They lie encoded in segments
/// that are taken as they are needed and then used again: a quiet stream holds next to nothing, a busy one never more than its bound.
package struct FeedRing: Sendable {
    /// What is kept at most. Default and reason: `proto-spec/07-limits.md#behaviour`.
    package struct Bounds: Hashable, Sendable {
        package var events: Int
        package var bytes: Int

        package init(events: Int = TransportLimits.ringEvents, bytes: Int = TransportLimits.ringBytes) {
            self.events = events
            self.bytes = bytes
        }

        /// Less would not hold a few whole batches.
        package static let leastBytes = 4 * segmentBytes
    }

    private struct Segment: Sendable {
        /// The number of the first event in it.
        var first: UInt64
        var events: [UInt8] = []
    }

    /// Large enough that what a whole batch leaves free at its end does not matter, small enough to go unnoticed one by one.
    package static let segmentBytes = 256 << 10
    /// With what the allocator and the array add a segment is a whole number of pages.
    private static let segmentRoom = segmentBytes - 64

    private let bounds: Bounds
    private var segments: [Segment] = []
    /// The number of the next event.
    private var next: UInt64 = 1

    package init(_ bounds: Bounds = Bounds()) {
        precondition(bounds.bytes >= Bounds.leastBytes && bounds.events > 0, "a ring has room for a few batches")
        self.bounds = bounds
    }

    /// The last number that was appended; 0: none was.
    package var newest: UInt64 { next - 1 }

    /// The smallest number that is still here; the next one if nothing is.
    package var oldest: UInt64 {
        guard let first = segments.first?.first else { return next }
        return max(first, next - min(next - 1, UInt64(bounds.events)))
    }

    /// Memory that is held, used or not.
    package var heldBytes: Int { segments.count * Self.segmentBytes }

    // MARK: In

    /// Takes the `count` events of a batch's body, which follow what the ring has.
    package mutating func append(_ body: RawSpan, count: Int) {
        let events = body.extracting(droppingFirst: Self.countBytes)
        precondition(events.byteCount <= Self.segmentRoom, "a batch fits a message of a feed")
        if segments.last.map({ $0.events.count + events.byteCount > Self.segmentRoom }) ?? true { addSegment() }
        events.withUnsafeBytes { segments[segments.count - 1].events.append(contentsOf: $0) }
        next += UInt64(count)
    }

    private mutating func addSegment() {
        var segment = Segment(first: next)
        // Whatever the first segment holds is past the bound of events, or makes room for the bound of bytes.
        let isOver = segments.count > 1 && segments[1].first <= oldest
        if isOver || (segments.count + 1) * Self.segmentBytes > bounds.bytes {
            segment.events = segments.removeFirst().events
            segment.events.removeAll(keepingCapacity: true)
        } else {
            segment.events.reserveCapacity(Self.segmentRoom)
        }
        segments.append(segment)
    }

    // MARK: Out

    /// As much of the range as an answer holds, exactly from its first event on.
    package func answer(_ question: ReplayQuestion, generation: UInt64) -> ReplayAnswer {
        var answer = ReplayAnswer()
        answer.generation = generation
        answer.newestSequence = newest
        guard question.generation == generation else {
            answer.outcome = .wrongGeneration
            return answer
        }
        guard question.firstSequence <= newest else {
            answer.outcome = .tooNew
            return answer
        }
        guard question.firstSequence >= oldest else {
            answer.outcome = .tooOld
            return answer
        }
        answer.firstSequence = question.firstSequence
        (answer.batch, answer.lastSequence) = batch(from: question.firstSequence, through: min(question.lastSequence, newest))
        return answer
    }

    private func batch(from first: UInt64, through last: UInt64) -> (body: [UInt8], last: UInt64) {
        var body: [UInt8] = [], number = first
        body.appendLittleEndian(UInt32(0))
        var index = segments.lastIndex { $0.first <= first } ?? 0
        var place = Self.place(of: first, in: segments[index])
        while number <= last, number - first < UInt64(Limits.eventsPerBatch) {
            if place == segments[index].events.count {
                index += 1
                place = 0
            }
            // The rest of this segment, as far as it is wanted and fits.
            let events = segments[index].events, start = place
            while place < events.count, number <= last, number - first < UInt64(Limits.eventsPerBatch) {
                let end = Self.end(ofEventAt: place, in: events)
                guard body.count + end - start <= Limits.replayBytes else { break }
                place = end
                number += 1
            }
            body.append(contentsOf: events[start..<place])
            if place < events.count { break }
        }
        body.storeLittleEndian(UInt32(number - first), at: 0)
        return (body, number - 1)
    }

    private static func place(of number: UInt64, in segment: Segment) -> Int {
        var place = 0
        for _ in segment.first..<number { place = end(ofEventAt: place, in: segment.events) }
        return place
    }

    private static func end(ofEventAt place: Int, in events: [UInt8]) -> Int {
        events.withUnsafeBytes { place + 5 + Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: place + 1, as: UInt32.self))) }
    }

    /// How many events follow: a batch's own count.
    private static let countBytes = 4
}
