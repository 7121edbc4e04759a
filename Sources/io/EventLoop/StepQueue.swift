import ClusterModel
import Concurrency

/// An output on its way round between thread and loop.
class StepBox: @unchecked Sendable {
    // Safety: one side at a time has it; the lock of the queue orders the two.
    var span = StepSpan(number: 0, began: .zero, ended: .zero)
    var hasMore = false
    /// Commands taken by all steps up to this one.
    var taken: UInt64 = 0
}

final class StepOutputBox<Work: StepWork>: StepBox, @unchecked Sendable {
    // Safety: as `StepBox`.
    var output = Work.makeOutput()
}

/// What a step thread and its loop share, but for commands and outputs themselves.
///
/// It knows nothing of the work: code that is the same for all works costs a step a fraction of what generic code does.
struct StepQueue: Sendable {
    private struct State {
        var done: [StepBox] = []
        var free: [StepBox]
        var failure: StepFailure?
        var hasCommands = false
        var isClosed = false
        /// The thread waits for the signal: whoever brings something gives it, once.
        var isParked = false
        /// It has something to do, and no box to do it in.
        var wantsBox = false

        mutating func unpark() -> Bool {
            defer { isParked = false }
            return isParked
        }
    }

    /// What the thread does next.
    enum Next {
        case step(StepBox, hasCommands: Bool)
        case park
        case end
    }

    let signal = StepSignal()
    private let state: Lock<State>

    init(_ boxes: [StepBox]) { state = Lock(State(free: boxes)) }

    // MARK: The thread's side

    func next(hasMore: Bool) -> Next {
        state.with { state in
            if state.isClosed { return .end }
            let hasWork = hasMore || state.hasCommands
            guard hasWork, let box = state.free.popLast() else {
                state.isParked = true
                state.wantsBox = hasWork
                return .park
            }
            defer { state.hasCommands = false }
            return .step(box, hasCommands: state.hasCommands)
        }
    }

    /// There was nothing to do for it.
    func putBack(_ box: StepBox) { state.with { $0.free.append(box) } }

    /// True if the loop does not know yet that there is something.
    func hand(_ box: StepBox) -> Bool {
        state.with { state in
            state.done.append(box)
            return state.done.count == 1
        }
    }

    func fail(_ failure: StepFailure) { state.with { $0.failure = failure } }
    var isClosed: Bool { state.with { $0.isClosed } }

    // MARK: The loop's side

    /// Commands stand where the thread takes them.
    func hasCommands() {
        let mustWake = state.with { state in
            state.hasCommands = true
            return state.unpark()
        }
        if mustWake { signal.give() }
    }

    /// All steps that are over, in exchange for an empty array, and why there will be no more.
    func take(_ arrived: inout [StepBox]) -> StepFailure? {
        state.with { state in
            swap(&state.done, &arrived)
            return state.failure
        }
    }

    func giveBack(_ boxes: inout [StepBox]) {
        guard !boxes.isEmpty else { return }
        let mustWake = state.with { state in
            state.free.append(contentsOf: boxes)
            // One that has nothing to do need not hear of it.
            return state.wantsBox && state.unpark()
        }
        boxes.removeAll(keepingCapacity: true)
        if mustWake { signal.give() }
    }

    /// False if it was closed already. The thread ends with the step that it is in.
    func close() -> Bool {
        let wasClosed = state.with { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        if !wasClosed { signal.give() }
        return !wasClosed
    }
}
