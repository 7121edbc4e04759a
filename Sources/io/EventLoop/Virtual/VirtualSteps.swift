import ClusterModel

/// Steps in virtual time: each runs inline when it begins, and its output is told after the duration that it gave.
@LoopActor
final class VirtualSteps<Work: StepWork>: Steps<Work>, InboxReceiver {
    private let loop: VirtualLoop
    private weak var reader: (any StepReader<Work>)?
    private let make: @Sendable () throws -> Work
    private var work: Work?
    private var commands: [Work.Command] = []
    private var batch: [Work.Command] = []
    private var output = Work.makeOutput()
    private var hasMore = false
    private var isStepping = false
    private var isOver = false
    private var number: UInt64 = 0
    private var began = Instant.zero

    private enum Event {
        static var start: Int32 { 0 }
        static var begin: Int32 { 1 }
        static var finish: Int32 { 2 }
    }

    /// A step that takes no time by its model takes this much, so that time passes in an engine that always has more to do.
    private static var shortestStep: Duration { .microseconds(20) }

    init(on loop: VirtualLoop, _ reader: any StepReader<Work>, _ make: @escaping @Sendable () throws -> Work) {
        self.loop = loop
        self.reader = reader
        self.make = make
        super.init()
        tell(Event.start, after: .zero)
    }

    /// By the world and the inbox, as a thread would: exact to the nanosecond, and heard by no process that does not run.
    private func tell(_ event: Int32, after span: Duration) {
        let inbox = loop.inbox, door = Door(self)
        loop.world.schedule(after: span) { _ = inbox.put(InboxItem(door, event: event)) }
    }

    func receive(_ item: InboxItem) {
        guard !isOver else { return }
        switch item.event {
        case Event.start: start()
        case Event.begin: step()
        default: finish()
        }
    }

    /// What inbox items name: it does not keep the steps alive.
    private final class Door: InboxReceiver, @unchecked Sendable {
        // Safety: belongs to the thread of the world.
        weak var owner: VirtualSteps?
        init(_ owner: VirtualSteps) { self.owner = owner }
        @LoopActor func receive(_ item: InboxItem) { owner?.receive(item) }
    }

    override func submit(_ command: consuming Work.Command) {
        guard !isOver else { return }
        commands.append(command)
        begin()
    }

    override func wake() {
        guard !isOver else { return }
        hasMore = true
        begin()
    }

    override var isIdle: Bool { isOver || (!isStepping && commands.isEmpty && !hasMore) }

    @discardableResult
    override func close(within limit: Duration) -> Bool {
        isOver = true
        work = nil
        return true
    }

    private func start() {
        do {
            let made = try make()
            work = made
            reader?.steps(began: made.profile)
        } catch { return fail(error) }
        begin()
    }

    /// Later, as the thread begins only after the turn that gave it its commands.
    private func begin() {
        guard !isStepping, !isOver, work != nil, hasMore || !commands.isEmpty else { return }
        isStepping = true
        tell(Event.begin, after: .zero)
    }

    private func step() {
        guard let work else { return }
        began = loop.now
        number += 1
        swap(&commands, &batch)
        Work.empty(&output)
        do {
            let result = try work.step(&batch, at: began, into: &output)
            batch.removeAll(keepingCapacity: true)
            hasMore = result.hasMore
            tell(Event.finish, after: max(result.duration, Self.shortestStep))
        } catch { fail(error) }
    }

    private func finish() {
        isStepping = false
        reader?.steps(finished: StepSpan(number: number, began: began, ended: loop.now), &output)
        begin()
    }

    private func fail(_ error: any Error) {
        isOver = true
        work = nil
        reader?.steps(failed: StepFailure(error))
    }
}
