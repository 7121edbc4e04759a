import ServiceRuntime
import Testing

@Suite struct ServiceSequenceTests {
    /// The steps of a sequence that is told these outcomes.
    private func steps(_ count: Int, _ outcomes: [ServiceSequence.Outcome]) -> [ServiceSequence.Step] {
        var sequence = ServiceSequence(count: count)
        var steps = [sequence.step]
        for outcome in outcomes {
            sequence.advance(outcome)
            steps.append(sequence.step)
        }
        return steps
    }

    private let asked = ServiceSequence.Outcome.stop(.requested(by: "SIGTERM"))
    private let leave = ServiceSequence.Outcome.stop(.leaveNow(by: "SIGINT"))

    @Test("services start in order and drain and stop in reverse")
    func order() {
        #expect(
            steps(2, [.done, .done, asked, .done, .done, .done, .done])
                == [.start(0), .start(1), .serve, .drain(1), .stop(1), .drain(0), .stop(0), .exit(.ok)])
    }

    @Test("a failed start stops what was started, in reverse, without draining")
    func failedStart() {
        #expect(steps(3, [.done, .failed, .done, .done]) == [.start(0), .start(1), .stop(1), .stop(0), .exit(.failure)])
    }

    @Test("a stop during a start drains what was started")
    func stopDuringStart() {
        #expect(steps(3, [.done, asked, .done, .done, .done]) == [.start(0), .start(1), .stop(1), .drain(0), .stop(0), .exit(.ok)])
        #expect(steps(3, [.done, leave, .done, .done]) == [.start(0), .start(1), .stop(1), .stop(0), .exit(.failure)])
    }

    @Test("a drain that leaves work behind is a failure, and the others are drained all the same")
    func badDrain() {
        #expect(
            steps(2, [.done, .done, asked, .failed, .done, .done, .done])
                == [.start(0), .start(1), .serve, .drain(1), .stop(1), .drain(0), .stop(0), .exit(.failure)])
    }

    @Test("an order to leave ends all at once")
    func leaveNow() {
        #expect(steps(2, [.done, .done, leave, .done, .done]) == [.start(0), .start(1), .serve, .stop(1), .stop(0), .exit(.failure)])
        #expect(
            steps(2, [.done, .done, asked, leave, .done, .done]) == [
                .start(0), .start(1), .serve, .drain(1), .stop(1), .stop(0), .exit(.failure),
            ])
    }

    @Test("a service that fails while serving drains the group and fails it")
    func failure() {
        #expect(
            steps(1, [.done, .stop(.failed("engine died")), .done, .done]) == [.start(0), .serve, .drain(0), .stop(0), .exit(.failure)])
    }

    @Test("an empty group serves until it is told to stop")
    func empty() { #expect(steps(0, [asked]) == [.serve, .exit(.ok)]) }

    @Test("whatever happens, each started service is stopped exactly once and nothing is used after its stop", arguments: 0..<500)
    func everyEnd(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func draw(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        var sequence = ServiceSequence(count: Int(draw(5)))
        var begun: [Int] = [], stopped: [Int] = []
        for _ in 0..<40 {
            let outcomes: [ServiceSequence.Outcome]
            switch sequence.step {
            case .start(let index):
                #expect(begun == Array(0..<index))
                begun.append(index)
                outcomes = [.done, .done, .done, .failed, asked, leave]
            case .serve: outcomes = [asked, leave, .stop(.failed("x"))]
            case .drain(let index):
                #expect(begun.contains(index) && !stopped.contains(index))
                outcomes = [.done, .failed, leave]
            case .stop(let index):
                stopped.append(index)
                outcomes = [.done]
            case .exit:
                #expect(stopped == begun.reversed())
                return
            }
            sequence.advance(outcomes[Int(draw(UInt64(outcomes.count)))])
        }
        Issue.record("does not end")
    }
}
