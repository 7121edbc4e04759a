package import ClusterModel

/// What works in steps beside a loop: an engine.
package protocol StepWork: AnyObject, SendableMetatype {
    associatedtype Command: Sendable
    /// Filled by a step and emptied for the next one; its memory goes round.
    associatedtype Output: Sendable
    /// What the loop has to know of it before the first step.
    associatedtype Profile: Sendable

    var profile: Profile { get }
    static func makeOutput() -> Output
    /// Takes what arrived since the last step, which may be nothing, and does one step. `commands` is emptied by the caller.
    func step(_ commands: inout [Command], at now: Instant, into output: inout Output) throws -> StepResult
    /// Called before an output is filled again.
    static func empty(_ output: inout Output)
}

package struct StepResult: Sendable {
    /// How long the step is to last, from its start: nothing of it is told before. Zero: as long as the call took.
    package let duration: Duration
    /// Another step would do something even without commands.
    package let hasMore: Bool

    package init(duration: Duration, hasMore: Bool) {
        self.duration = duration
        self.hasMore = hasMore
    }
}

/// One step that is over, on the loop's clock.
package struct StepSpan: Hashable, Sendable {
    /// From 1.
    package let number: UInt64
    package let began: Instant
    package let ended: Instant

    package init(number: UInt64, began: Instant, ended: Instant) {
        self.number = number
        self.began = began
        self.ended = ended
    }
}

package struct StepFailure: Error, Sendable, CustomStringConvertible {
    package let cause: any Error
    package var description: String { "\(cause)" }
    package init(_ cause: any Error) { self.cause = cause }
}

/// Whom the loop's side of the steps tells.
package protocol StepReader<Work>: AnyObject, Sendable {
    associatedtype Work: StepWork
    /// It stands, and takes commands; told once.
    @LoopActor func steps(began profile: Work.Profile)
    /// A step is over. The output is lent for the call.
    @LoopActor func steps(finished span: StepSpan, _ output: inout Work.Output)
    /// It did not come to stand, or a step failed: nothing comes after this.
    @LoopActor func steps(failed failure: StepFailure)
}

/// Whose thread takes the steps, in real time.
package enum StepPlace: Sendable {
    /// One of their own: for work that computes or waits, and would hold up the loop.
    case thread
    /// The loop's: for work that takes some tens of microseconds a step, and passes its time in the durations that it gives. Nobody is woken for
    /// it: `proto-spec/decisions/0017` tells what that is worth.
    case loop
}

/// The loop's handle of a `StepWork`: commands in, one output a step out.
@LoopActor
package class Steps<Work: StepWork> {
    init() {}

    /// The step that begins next has it.
    package func submit(_ command: consuming Work.Command) { preconditionFailure("a subclass takes commands") }

    /// The work has something to say that came of no command: it is stepped soon. Only on the loop, where such work lives.
    package func wake() { preconditionFailure("work with a thread of its own says itself that it has more") }

    /// Nothing is under way: every command was taken, the last step had no more to do, and its output was told.
    package var isIdle: Bool { preconditionFailure("a subclass knows") }

    /// Ends it: a pause is cut short, a step in progress ends first, its output is dropped. Returns within `limit`; false if the step did not
    /// end in that time, and its thread was left behind.
    @discardableResult
    package func close(within limit: Duration) -> Bool { preconditionFailure("a subclass closes") }
}

extension Loop {
    /// Starts `make` and then its steps, both where `place` says: on a thread called `name`, or on the loop's, from the end of this turn on. In
    /// virtual time all run inline, and an output comes after its duration.
    @LoopActor package final func steps<Work: StepWork, Reader: StepReader>(
        _ name: String, at place: StepPlace, for reader: Reader, _ make: @escaping @Sendable () throws -> Work
    ) -> Steps<Work> where Reader.Work == Work {
        if let loop = self as? VirtualLoop { return VirtualSteps(on: loop, reader, make) }
        return switch place {
        case .thread: StepThread(name, on: self, reader, make)
        case .loop: LoopSteps(on: self, reader, make)
        }
    }
}
