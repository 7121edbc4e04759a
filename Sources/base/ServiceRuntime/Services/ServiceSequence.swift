/// The order in which services start and end, as a state machine over their positions: start 0, 1, 2; serve; drain and stop 2, 1, 0.
package struct ServiceSequence: Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        case start(Int)
        case serve
        case drain(Int)
        case stop(Int)
        case exit(ExitCode)
    }

    /// How the last step ended.
    package enum Outcome: Hashable, Sendable {
        /// Started, drained well, or stopped.
        case done
        /// The start failed or took too long; the drain left work behind or took too long.
        case failed
        /// The wait of `serve` ended, or a start or drain was interrupted.
        case stop(StopReason)
    }

    private enum State: Hashable, Sendable {
        case starting(Int)
        case serving
        case draining(Int)
        /// `drains`: whether the services before this one are still to be drained.
        case stopping(Int, drains: Bool)
        case ended
    }

    private let count: Int
    private var state: State
    private var code = ExitCode.ok

    package init(count: Int) {
        precondition(count >= 0)
        self.count = count
        state = count == 0 ? .serving : .starting(0)
    }

    /// What to do now; the same until `advance` is told how it ended.
    package var step: Step {
        switch state {
        case .starting(let index): .start(index)
        case .serving: .serve
        case .draining(let index): .drain(index)
        case .stopping(let index, _): .stop(index)
        case .ended: .exit(code)
        }
    }

    package mutating func advance(_ outcome: Outcome) {
        switch (state, outcome) {
        case (.starting(let index), .done):
            state = index + 1 < count ? .starting(index + 1) : .serving
        case (.starting(let index), .failed):
            // What runs already has taken no work yet that would be worth a drain: the process was never ready.
            code = .failure
            state = .stopping(index, drains: false)
        case (.starting(let index), .stop(let reason)):
            note(reason)
            state = .stopping(index, drains: !reason.leavesNow)
        case (.serving, .stop(let reason)):
            note(reason)
            state = reason.leavesNow ? down(from: count, drains: false) : down(from: count, drains: true)
        case (.draining(let index), .done):
            state = .stopping(index, drains: true)
        case (.draining(let index), .failed):
            code = .failure
            state = .stopping(index, drains: true)
        case (.draining(let index), .stop):
            code = .failure
            state = .stopping(index, drains: false)
        case (.stopping(let index, let drains), .done):
            state = down(from: index, drains: drains)
        case (.serving, .done), (.serving, .failed), (.stopping, .failed), (.stopping, .stop), (.ended, _):
            preconditionFailure("\(state) cannot end with \(outcome)")
        }
    }

    private mutating func note(_ reason: StopReason) {
        if case .requested = reason { return }
        code = .failure
    }

    private func down(from index: Int, drains: Bool) -> State {
        guard index > 0 else { return .ended }
        return drains ? .draining(index - 1) : .stopping(index - 1, drains: false)
    }
}

extension StopReason {
    fileprivate var leavesNow: Bool { if case .leaveNow = self { true } else { false } }
}
