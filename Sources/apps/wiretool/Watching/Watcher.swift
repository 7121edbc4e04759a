import ClusterHarness
import ClusterModel
import EventLoop
import StreamFollowing
import TestSupport
import Transport
import WireProtocol

/// Prints a worker's stream: as it is heard, or as it is followed where the worker's links are known.
@LoopActor
final class Watcher: FeedReader, StreamMirror {
    private let wish: Watch.Wish
    private let loop: Loop
    private let done: @LoopActor () -> Void
    private(set) var hasHeard = false
    private var printed = 0
    private var last: Instant?
    private var generation: UInt64?
    /// The next number of what is heard; nil before the first.
    private var next: UInt64?
    private var picture = WorkerPicture()
    private var hasShown = false

    init(_ wish: Watch.Wish, loop: Loop, done: @escaping @LoopActor () -> Void) {
        self.wish = wish
        self.loop = loop
        self.done = done
    }

    private var isFollowing: Bool { wish.links != nil }
    private var isDone: Bool { wish.count.map { printed >= $0 } ?? false }

    // MARK: As it is heard

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        hasHeard = true
        guard !isFollowing else { return }
        meet(header.origin)
        if let next, header.number > next { remark("missing \(next)…\(header.number - 1)") }
        if let next, header.number < next { remark("repeats \(header.number)") }
        do throws(WireError) {
            let events = try Codec.decodeBody(WorkerEvents.self, from: body).events
            for (index, event) in events.enumerated() { show(event, header.number &+ UInt64(index)) }
            next = header.number &+ UInt64(events.count)
        } catch { remark("a batch from \(header.number) on that does not decode: \(error)") }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        hasHeard = true
        if !isFollowing {
            meet(generation)
            if let next, last >= next {
                remark("missing \(next)…\(last)")
                self.next = last &+ 1
            }
        }
        if wish.showsBeats {
            line(last, wish.isJSON ? #""beat":true"# : "beat")
        }
    }

    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {
        remark(verdict == .alive ? "heard again" : verdict == .dead ? "silent for two seconds" : "silent for a second")
    }

    private func meet(_ generation: UInt64) {
        guard generation != self.generation else { return }
        self.generation = generation
        next = nil
        remark("generation \(Hexadecimal.text(generation))")
    }

    // MARK: As it is followed

    func restarted(_ follower: StreamFollower) {
        picture = WorkerPicture()
        remark("generation \(Hexadecimal.text(follower.source.generation)): joins")
    }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) { picture.add(page) }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        guard wish.showsSnapshot, !hasShown else { return }
        hasShown = true
        for words in picture.summary { remark("at \(number): \(words)") }
        for load in picture.loads.values.sorted(by: { $0.rank < $1.rank }) { remark("at \(number): \(EventText.load(load))") }
    }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) { show(event, number) }
    func follower(_ follower: StreamFollower, became state: StreamState) {}

    func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        switch notice {
        case .gap(let missing): remark("missing \(missing.lowerBound)…\(missing.upperBound)")
        case .malformed(let error): remark("does not decode: \(error)")
        case .recovered(let means): remark("in step, by \(means)")
        case .failed(let problem, let wait): remark("not recovered, \(problem); again in \(wait.inMilliseconds) ms")
        }
    }

    // MARK: Lines

    private func show(_ event: WorkerEvent, _ number: UInt64) {
        guard !isDone else { return }
        printed += 1
        if wish.isJSON {
            let described = String(decoding: JSONDescriber.describe(WorkerEvents(events: [event])), as: UTF8.self)
            // Of {"events":[…]} what is inside.
            line(number, #""event":"# + described.dropFirst(Self.eventsHead).dropLast(2))
        } else {
            line(number, EventText.line(event))
        }
        if isDone { done() }
    }

    private static let eventsHead = #"{"events":["#.count

    private func line(_ number: UInt64, _ words: String) {
        let now = loop.now, since = last.map { $0.duration(to: now) } ?? .zero
        last = now
        guard !wish.isJSON else {
            return say(WatchJSON.printable(#"{"number":\#(number),"sinceMilliseconds":\#(since.inMilliseconds),\#(words)}"#))
        }
        let text = String(number), milliseconds = since.inMilliseconds
        let padding = String(repeating: " ", count: max(0, 9 - text.count))
        say("\(padding)\(text)  +\(milliseconds / 1_000).\(String(milliseconds % 1_000 + 1_000).dropFirst())  \(words)")
    }

    /// About the stream, not of it: on standard error, so that programs read only events.
    private func remark(_ words: String) {
        let words = EventText.plain(words)
        if wish.isJSON { complain("wiretool watch: \(words)") } else { say("-- \(words)") }
    }
}
