import ClusterModel
@testable import EngineAdapters
import Testing

@Suite("The order of an engine's batches")
struct EventSequenceTests {
    private typealias Action = EventSequence.Action
    private static let attempts = EngineEventLimits.replayAttempts

    private func batch(_ number: UInt64, life: UInt8 = 0) -> [UInt8] {
        [life, UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
    }

    /// In step after a replay of so many batches.
    private func following(_ count: UInt64 = 3) -> EventSequence {
        var sequence = EventSequence(canReplay: true)
        #expect(sequence.subscribed() == [.replay(from: 0)])
        for number in 0..<count { #expect(sequence.replayed(number, batch(number)) == [.apply(batch(number))]) }
        #expect(sequence.replayEnded().isEmpty && sequence.isFollowing)
        return sequence
    }

    @Test("from the beginning: replay, then what came meanwhile, then what comes")
    func start() {
        var sequence = EventSequence(canReplay: true)
        #expect(sequence.live(0, batch(0)).isEmpty, "nothing is heard without a subscription")
        #expect(sequence.subscribed() == [.replay(from: 0)])
        #expect(sequence.live(1, batch(1)).isEmpty && sequence.live(2, batch(2)).isEmpty)
        #expect(sequence.replayed(0, batch(0)) == [.apply(batch(0))])
        #expect(sequence.replayed(1, batch(1)) == [.apply(batch(1))])
        #expect(sequence.replayEnded() == [.apply(batch(2))])
        #expect(sequence.live(3, batch(3)) == [.apply(batch(3))])
        #expect(sequence.live(3, batch(3)).isEmpty && sequence.live(1, batch(1)).isEmpty && sequence.takeDuplicates() == 3)
    }

    @Test("a gap is replayed from the batch before it, which proves that it is the same life")
    func gap() {
        var sequence = following()
        #expect(sequence.live(5, batch(5)) == [.replay(from: 2)])
        #expect(sequence.live(6, batch(6)).isEmpty)
        #expect(sequence.replayed(1, batch(1)).isEmpty && sequence.replayed(2, batch(2)).isEmpty)
        #expect(sequence.replayed(3, batch(3)) == [.apply(batch(3))])
        #expect(sequence.replayed(4, batch(4)) == [.apply(batch(4))])
        #expect(sequence.replayed(5, batch(5)) == [.apply(batch(5))])
        #expect(sequence.replayEnded() == [.apply(batch(6))] && sequence.isFollowing)
    }

    @Test("what the engine does not have any more costs what was known")
    func overrun() {
        var sequence = following()
        #expect(sequence.live(9, batch(9)) == [.replay(from: 2)])
        #expect(sequence.replayed(7, batch(7)) == [.clear(.gap), .apply(batch(7))])
        #expect(sequence.replayed(8, batch(8)) == [.apply(batch(8))])
        #expect(sequence.replayEnded() == [.apply(batch(9))])
    }

    @Test("numbers that go back are another life, unless it is the same batch once more")
    func restart() {
        var sequence = following()
        #expect(sequence.live(0, batch(0, life: 1)) == [.clear(.restarted), .replay(from: 0)])
        #expect(sequence.replayed(0, batch(0, life: 1)) == [.apply(batch(0, life: 1))])
        #expect(sequence.replayEnded().isEmpty && sequence.isFollowing && sequence.takeDuplicates() == 1)
    }

    @Test("another life behind a lost connection is known by its batches, even under the same numbers")
    func reconnect() {
        var sequence = following()
        sequence.lost()
        #expect(!sequence.isFollowing && sequence.subscribed() == [.replay(from: 2)])
        #expect(sequence.replayed(2, batch(2)).isEmpty && sequence.replayed(3, batch(3)) == [.apply(batch(3))])
        #expect(sequence.replayEnded().isEmpty)
        sequence.lost()
        #expect(sequence.subscribed() == [.replay(from: 3)])
        #expect(sequence.replayed(3, batch(3, life: 1)) == [.clear(.restarted), .replay(from: 0)])
        #expect(sequence.replayed(0, batch(0, life: 1)) == [.apply(batch(0, life: 1))])
        sequence.lost()
        #expect(sequence.subscribed() == [.replay(from: 0)])
        #expect(sequence.replayEnded() == [.clear(.restarted), .replay(from: 0)], "it has not even the batch that it had")
    }

    @Test("without a replay each gap and each new connection costs what was known")
    func noReplay() {
        var sequence = EventSequence(canReplay: false)
        #expect(sequence.subscribed().isEmpty && sequence.live(7, batch(7)) == [.apply(batch(7))])
        #expect(sequence.live(9, batch(9)) == [.clear(.gap), .apply(batch(9))])
        #expect(sequence.live(2, batch(2)) == [.clear(.restarted), .apply(batch(2))])
        #expect(sequence.check().isEmpty)
        sequence.lost()
        #expect(sequence.subscribed() == [.clear(.gap)] && sequence.live(3, batch(3)) == [.apply(batch(3))])
    }

    @Test("a replay that does not come is given up, and what comes is taken on an empty cache")
    func giveUp() {
        var sequence = following()
        #expect(sequence.live(5, batch(5)) == [.replay(from: 2)])
        for _ in 1..<Self.attempts { #expect(sequence.replayFailed() == [.replay(from: 2)]) }
        #expect(sequence.replayFailed() == [.clear(.replayFailed), .apply(batch(5))])
        #expect(sequence.live(6, batch(6)) == [.apply(batch(6))] && sequence.isFollowing)
        #expect(sequence.live(8, batch(8)) == [.replay(from: 6)], "the next gap is tried again")
    }

    @Test("a replay that always lacks the same batches ends too")
    func endlessGap() {
        var sequence = following()
        var actions = sequence.live(5, batch(5)), replays = 0
        while case .replay(let first)? = actions.last {
            replays += 1
            #expect(first == 2 && replays <= Self.attempts)
            #expect(sequence.replayed(2, batch(2)).isEmpty)
            actions = sequence.replayEnded()
        }
        #expect(replays == Self.attempts && actions == [.clear(.replayFailed), .apply(batch(5))])
    }

    @Test("a question in quiet finds what was lost at the end, and if it fails nothing is lost by it")
    func check() {
        var sequence = following()
        #expect(sequence.check() == [.replay(from: 2)] && sequence.check().isEmpty)
        #expect(sequence.replayed(2, batch(2)).isEmpty && sequence.replayed(3, batch(3)) == [.apply(batch(3))])
        #expect(sequence.replayEnded().isEmpty)
        #expect(sequence.check() == [.replay(from: 3)] && sequence.replayFailed().isEmpty && sequence.isFollowing)
        #expect(sequence.live(4, batch(4)) == [.apply(batch(4))])
        #expect(sequence.giveUp(.away) == [.clear(.away)] && sequence.giveUp(.away).isEmpty)
    }

    @Test("what waits during a replay is bounded, and its loss shows as a gap")
    func bounded() {
        var sequence = EventSequence(canReplay: true)
        _ = sequence.subscribed()
        let limit = UInt64(EngineEventLimits.heldBatches)
        for number in 0..<limit + 10 { #expect(sequence.live(number, batch(number)).isEmpty) }
        #expect(sequence.replayEnded().count == Int(limit))
        #expect(sequence.live(limit + 10, batch(limit + 10)) == [.replay(from: limit - 1)])
        var large = EventSequence(canReplay: true)
        _ = large.subscribed()
        let payload = [UInt8](repeating: 0, count: EngineEventLimits.heldBytes / 2)
        for number in 0..<3 as Range<UInt64> { _ = large.live(number, payload) }
        #expect(large.replayEnded().count == 2)
    }

    @Test(
        "whatever is lost, doubled or restarted, what was applied since the last clear is one life without a gap",
        arguments: 0..<50 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed), sequence = EventSequence(canReplay: seed % 4 != 0)
        func draw(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        var life: UInt8 = 0, published: [[UInt8]] = [], first = 0, question: Int?, applied: [[UInt8]] = []
        func run(_ actions: [Action]) {
            for action in actions {
                switch action {
                case .apply(let payload):
                    if let last = applied.last {
                        #expect(last[0] == payload[0] && last[1] &+ 1 == payload[1], "seed \(seed): \(payload) behind \(last)")
                    }
                    applied.append(payload)
                case .clear: applied = []
                case .replay(let start): question = Int(start)
                }
            }
        }
        for _ in 0..<3_000 {
            switch draw(12) {
            case 0:
                sequence.lost()
                question = nil
                run(sequence.subscribed())
            case 1 where draw(20) == 0:
                // Connections end with the process that they lead to.
                life &+= 1
                published = []
                first = 0
                sequence.lost()
                question = nil
                run(sequence.subscribed())
            case 2: first = max(first, published.count - draw(6))
            case 3: run(sequence.check())
            case 4, 5:
                guard let start = question else { break }
                question = nil
                if draw(5) == 0 {
                    run(sequence.replayFailed())
                } else {
                    for number in max(start, first)..<max(published.count, max(start, first)) where question == nil {
                        run(sequence.replayed(UInt64(number), published[number]))
                    }
                    if question == nil { run(sequence.replayEnded()) }
                }
            case 6: if let last = published.indices.last { run(sequence.live(UInt64(last), published[last])) }
            default:
                let number = UInt64(published.count)
                published.append(batch(number, life: life))
                if draw(8) > 0 { run(sequence.live(number, published[Int(number)])) }
            }
        }
    }
}
