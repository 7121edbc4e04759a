import EventLoop

/// What another thread has to say to a loop, put into that loop's inbox: isolated code cannot cross from loop to loop by itself.
final class Homecoming: InboxReceiver {
    private let body: @LoopActor @Sendable () -> Void

    init(_ body: @escaping @LoopActor @Sendable () -> Void) { self.body = body }

    @LoopActor
    func receive(_ item: InboxItem) { body() }
}
