internal import CSys

/// Isolation to the loop whose thread is running.
///
/// A global actor is one per process by the language, but a process may run several loops; so its executor only dispatches, by a
/// thread-local, to the loop that owns the calling thread. State isolated to `@LoopActor` therefore lives and dies on the loop that made
/// it. From other threads there is one way in: a loop's inbox.
@globalActor
package actor LoopActor {
    package static let shared = LoopActor()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { LoopDispatch.executor.asUnownedSerialExecutor() }
}

/// The executor of the global actor: hands each job to the loop whose thread calls.
///
/// Safety: it has no state.
final class LoopDispatch: SerialExecutor, Sendable {
    static let executor = LoopDispatch()

    func enqueue(_ job: consuming ExecutorJob) {
        guard let loop = Loop.current else {
            preconditionFailure("work for the loop was started on a thread that no loop owns; other threads use the inbox")
        }
        loop.enqueueHere(UnownedJob(job))
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    func checkIsolated() { precondition(Loop.current != nil, "not on a loop's thread") }
    func isIsolatingCurrentContext() -> Bool? { Loop.current != nil }
}

extension LoopActor {
    /// Runs isolated code on the loop's own thread outside any task: from its turn, from file events, from the inbox.
    package nonisolated static func assumeOnLoop<Result, Failure: Error>(
        _ body: @LoopActor () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(Loop.current != nil, "not on a loop's thread")
        typealias Unisolated = () throws(Failure) -> Result
        return try withoutActuallyEscaping(body) { (escaping) throws(Failure) -> Result in
            // The only difference between the two types is the isolation that was checked in the line above.
            try unsafe unsafeBitCast(escaping, to: Unisolated.self)()
        }
    }
}

/// Isolated calls from a loop's own turn: the turn is on the loop's thread by construction.
///
/// Constants, since `assumeOnLoop` makes a closure on the heap for each call, which a turn must not.
enum OnLoop {
    static let receive = unisolated { (item: InboxItem) in item.receiver.receive(item) }
    static let hasRoom = unisolated { (receiver: any InboxReceiver) in receiver.inboxHasRoom() }
    static let flush = unisolated { (object: any EndOfTurn) in object.flush() }
    static let ready = unisolated { (event: (handler: any FileEventHandler, events: FileEvents)) in event.handler.ready(event.events) }
    static let fire = unisolated { (action: TimerWheel.Action) in action.run() }

    private static func unisolated<Argument>(_ body: @escaping @LoopActor @Sendable (Argument) -> Void) -> @Sendable (Argument) -> Void {
        // The only difference between the two types is the isolation; the callers are the loops' turns.
        unsafe unsafeBitCast(body, to: (@Sendable (Argument) -> Void).self)
    }
}
