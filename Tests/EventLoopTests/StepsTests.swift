import ClusterModel
import Concurrency
import EventLoop
import TestSupport
import Testing

/// Adds numbers up; each step takes what its model says.
private final class Adder: StepWork {
    struct Sum: Sendable {
        var numbers: [Int] = []
        var emptied = 0
    }

    enum Order: Sendable {
        case add(Int)
        /// Steps that follow without commands.
        case goOn(Int)
        case fail
    }

    struct Broken: Error, CustomStringConvertible { let description = "broken" }

    let profile = "adder"
    private let duration: Duration
    private var more = 0
    private let seen: Lock<[[Int]]>?

    init(duration: Duration, seen: Lock<[[Int]]>? = nil) {
        self.duration = duration
        self.seen = seen
    }

    static func makeOutput() -> Sum { Sum() }

    static func empty(_ output: inout Sum) {
        output.numbers.removeAll(keepingCapacity: true)
        output.emptied += 1
    }

    func step(_ commands: inout [Order], at now: Instant, into output: inout Sum) throws -> StepResult {
        if commands.isEmpty { more -= 1 }
        for command in commands {
            switch command {
            case .add(let number): output.numbers.append(number)
            case .goOn(let steps): more += steps
            case .fail: throw Broken()
            }
        }
        seen?.with { $0.append(output.numbers) }
        return StepResult(duration: duration, hasMore: more > 0)
    }
}

@LoopActor
private final class Reader: StepReader {
    typealias Work = Adder
    var profiles: [String] = []
    var outputs: [[Int]] = []
    var spans: [StepSpan] = []
    var failures: [String] = []
    var react: (@LoopActor () -> Void)?

    nonisolated init() {}
    func steps(began profile: String) { profiles.append(profile) }
    func steps(finished span: StepSpan, _ output: inout Adder.Sum) {
        outputs.append(output.numbers)
        spans.append(span)
        react?()
    }
    func steps(failed failure: StepFailure) { failures.append(failure.description) }
}

@Suite("Steps on a thread, on the loop, and in virtual time")
struct StepsTests {
    /// Runs `body` on loops of both kinds, with each place for the steps.
    private func everywhere(_ body: @escaping @LoopActor @Sendable (Loop, StepPlace) async throws -> Void) async throws {
        for place in [StepPlace.thread, .loop] {
            let thread = try LoopThread("steps")
            defer { thread.stop() }
            try await thread.run { loop in try await body(loop, place) }
        }
        let world = VirtualWorld(seed: 5), loop = world.makeLoop("steps"), result = Lock<Result<Void, any Error>?>(nil)
        loop.spawn {
            do {
                try await body(loop, .thread)
                result.with { $0 = .success(()) }
            } catch { result.with { $0 = .failure(error) } }
        }
        #expect(world.run(for: .seconds(60)) { result.with { $0 != nil } })
        try result.with { try $0?.get() }
    }

    @LoopActor
    private static func wait(_ loop: Loop, _ condition: @LoopActor () -> Bool) async throws {
        let deadline = loop.now + .seconds(20)
        while !condition() {
            guard loop.now < deadline else { throw StepFailure(Adder.Broken()) }
            await loop.sleep(for: .milliseconds(1))
        }
    }

    @Test("commands of one turn are one step, in order, and its output comes to the loop")
    func oneTurn() async throws {
        try await everywhere { loop, place in
            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .zero) }
            try await Self.wait(loop) { reader.profiles == ["adder"] }
            #expect(steps.isIdle)
            for number in 0..<100 { steps.submit(.add(number)) }
            #expect(!steps.isIdle)
            try await Self.wait(loop) { !reader.outputs.isEmpty }
            #expect(reader.outputs == [Array(0..<100)])
            #expect(steps.isIdle)
            #expect(steps.close(within: .seconds(5)))
        }
    }

    @Test("woken, it steps once without a command, and not after its end")
    func woken() async throws {
        try await everywhere { loop, place in
            guard place == .loop || loop is VirtualLoop else { return }
            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .zero) }
            try await Self.wait(loop) { reader.profiles == ["adder"] }
            steps.wake()
            steps.wake()
            #expect(!steps.isIdle)
            try await Self.wait(loop) { !reader.outputs.isEmpty }
            await loop.sleep(for: .milliseconds(20))
            #expect(reader.outputs == [[]] && steps.isIdle)
            steps.close(within: .seconds(5))
            steps.wake()
            await loop.sleep(for: .milliseconds(10))
            #expect(reader.outputs == [[]] && steps.isIdle)
        }
    }

    @Test("it steps on while it has more to do, and not once after that")
    func more() async throws {
        try await everywhere { loop, place in
            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .zero) }
            steps.submit(.goOn(500))
            try await Self.wait(loop) { reader.outputs.count == 501 }
            await loop.sleep(for: .milliseconds(20))
            #expect(reader.outputs.count == 501)
            #expect(reader.spans.map(\.number) == Array(1...501))
            #expect(steps.isIdle)
            steps.close(within: .seconds(5))
        }
    }

    @Test("a step lasts as long as it says; commands that come meanwhile are the next step's")
    func paced() async throws {
        try await everywhere { loop, place in
            let reader = Reader(), seen = Lock<[[Int]]>([])
            let steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .milliseconds(40), seen: seen) }
            steps.submit(.add(1))
            try await Self.wait(loop) { seen.with { !$0.isEmpty } }
            steps.submit(.add(2))
            steps.submit(.add(3))
            try await Self.wait(loop) { reader.outputs.count == 2 }
            #expect(reader.outputs == [[1], [2, 3]])
            for span in reader.spans { #expect(span.began.duration(to: span.ended) >= .milliseconds(40)) }
            #expect(reader.spans[1].began >= reader.spans[0].ended)
            steps.close(within: .seconds(5))
        }
    }

    @Test("a pause of hours is cut short by the close")
    func close() async throws {
        try await everywhere { loop, place in
            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .seconds(36_000)) }
            steps.submit(.add(1))
            await loop.sleep(for: .milliseconds(30))
            #expect(steps.close(within: .seconds(5)))
            #expect(steps.close(within: .seconds(5)))
            steps.submit(.add(2))
            await loop.sleep(for: .milliseconds(10))
            #expect(reader.outputs.isEmpty)
            #expect(steps.isIdle)
        }
    }

    @Test("closed from inside its own call, nothing more is told")
    func closeInside() async throws {
        try await everywhere { loop, place in
            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .zero) }
            reader.react = { steps.close(within: .seconds(5)) }
            steps.submit(.goOn(1_000))
            try await Self.wait(loop) { !reader.outputs.isEmpty }
            await loop.sleep(for: .milliseconds(20))
            #expect(reader.outputs.count == 1)
            reader.react = nil
        }
    }

    @Test("a failure to stand, and a failure in a step, are told once, and nothing after them")
    func failures() async throws {
        try await everywhere { loop, place in
            let absent = Reader(), none: Steps<Adder> = loop.steps("adder", at: place, for: absent) { throw Adder.Broken() }
            try await Self.wait(loop) { absent.failures == ["broken"] }
            #expect(absent.profiles.isEmpty && none.isIdle)
            #expect(none.close(within: .seconds(5)))

            let reader = Reader(), steps = loop.steps("adder", at: place, for: reader) { Adder(duration: .zero) }
            steps.submit(.add(1))
            try await Self.wait(loop) { reader.outputs.count == 1 }
            steps.submit(.fail)
            steps.submit(.goOn(5))
            try await Self.wait(loop) { reader.failures == ["broken"] }
            await loop.sleep(for: .milliseconds(10))
            #expect(reader.outputs == [[1]] && reader.failures.count == 1)
            #expect(steps.isIdle && steps.close(within: .seconds(5)))
        }
    }

    @Test("a loop that does not run holds the steps up after a few outputs, and loses none")
    func backPressure() async throws {
        let thread = try LoopThread("steps"), seen = Lock<[[Int]]>([])
        try await thread.run { loop in
            let reader = Reader(), steps = loop.steps("adder", at: .thread, for: reader) { Adder(duration: .zero, seen: seen) }
            steps.submit(.goOn(50_000))
            for _ in 0..<5 {
                // What was submitted leaves with the turn.
                await loop.sleep(for: .milliseconds(1))
                // This turn does not end before the thread has filled what it has, and some time has passed after that.
                let deadline = loop.preciseNow + .seconds(20)
                while seen.with({ $0.count }) < reader.outputs.count + 4, loop.preciseNow < deadline {}
                let later = loop.preciseNow + .milliseconds(20)
                while loop.preciseNow < later {}
                #expect(seen.with { $0.count } == reader.outputs.count + 4)
            }
            try await Self.wait(loop) { reader.outputs.count == 50_001 }
            #expect(reader.spans.map(\.number) == Array(1...50_001))
            #expect(steps.close(within: .seconds(5)))
        }
        thread.stop()
    }

    @Test("on the loop, what commands come to is said before the turn ends; work without end leaves room for everything else")
    func onTheLoop() async throws {
        let thread = try LoopThread("steps")
        defer { thread.stop() }
        await thread.run { loop in
            let reader = Reader(), steps = loop.steps("adder", at: .loop, for: reader) { Adder(duration: .zero) }
            await loop.sleep(for: .milliseconds(1))
            #expect(reader.profiles == ["adder"])

            let ends = TurnEnds(of: reader, on: loop)
            steps.submit(.add(1))
            ends.note()
            #expect(reader.outputs.isEmpty)
            await loop.sleep(for: .milliseconds(1))
            #expect(ends.outputs == [1])

            steps.submit(.goOn(1_000_000))
            for _ in 0..<10 {
                ends.note()
                await loop.sleep(for: .milliseconds(1))
            }
            // A few a turn, of which there were at least ten, and not all of them at once.
            #expect(reader.outputs.count > 10 && !steps.isIdle)
            let steady = zip(ends.outputs.dropFirst(), ends.outputs.dropFirst(2)).allSatisfy { $0 < $1 }
            #expect(steady, "\(ends.outputs)")
            #expect(ends.outputs[1] - ends.outputs[0] <= 8)
            steps.close(within: .seconds(5))
        }
    }

    /// How much had been said when a turn's connections write.
    @LoopActor
    private final class TurnEnds: EndOfTurn {
        private let reader: Reader
        private let loop: Loop
        private(set) var outputs: [Int] = []

        init(of reader: Reader, on loop: Loop) {
            self.reader = reader
            self.loop = loop
        }

        func note() { loop.atEndOfTurn(self) }
        var endOfTurn: EndOfTurnStage { .written }
        func flush() { outputs.append(reader.outputs.count) }
    }

    @Test("in virtual time an hour of steps passes at once, and a frozen process hears nothing")
    func virtualTime() async throws {
        let world = VirtualWorld(seed: 9), loop = world.makeLoop("steps")
        let reader = Reader()
        let steps = loop.perform {
            let steps = loop.steps("adder", at: .thread, for: reader) { Adder(duration: .seconds(36)) }
            steps.submit(.goOn(99))
            return steps
        }
        world.run(for: .seconds(1_801))
        #expect(loop.perform { reader.outputs.count } == 50)
        loop.freeze()
        world.run(for: .seconds(10_000))
        #expect(loop.perform { reader.outputs.count } == 50)
        loop.thaw()
        world.run(for: .seconds(3_600))
        #expect(loop.perform { reader.outputs.count == 100 && steps.isIdle })
    }
}
