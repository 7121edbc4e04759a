import ClusterModel

/// Steps in virtual time: each runs inline when it begins, and its output is told after the duration that it gave.
@LoopActor
final class VirtualSteps<Work: StepWork>: Steps<Work> {
    private let loop: Loop
    private weak var reader: (any StepReader<Work>)?
    private var work: Work?
    private var commands: [Work.Command] = []
    private var batch: [Work.Command] = []
    private var output = Work.makeOutput()
    private var hasMore = false
    private var isStepping = false
    private var isOver = false
    private var number: UInt64 = 0

    /// A step that takes no time by its model takes this much, so that time passes in an engine that always has more to do.
    private static var shortestStep: Duration { .microseconds(20) }

    init(on loop: Loop, _ reader: any StepReader<Work>, _ make: @escaping @Sendable () throws -> Work) {
        self.loop = loop
        self.reader = reader
        super.init()
        loop.schedule(after: .zero) { [weak self] in self?.start(make) }
    }

    override func submit(_ command: consuming Work.Command) {
        guard !isOver else { return }
        commands.append(command)
        begin()
    }

    override var isIdle: Bool { isOver || (!isStepping && commands.isEmpty && !hasMore) }

    @discardableResult
    override func close(within limit: Duration) -> Bool {
        isOver = true
        work = nil
        return true
    }

    private func start(_ make: () throws -> Work) {
        guard !isOver else { return }
        do {
            let made = try make()
            work = made
            reader?.steps(began: made.profile)
        } catch { return fail(error) }
        begin()
    }

    /// In a timer, as the thread begins only after the turn that gave it its commands.
    private func begin() {
        guard !isStepping, !isOver, work != nil, hasMore || !commands.isEmpty else { return }
        isStepping = true
        loop.schedule(after: .zero) { [weak self] in self?.step() }
    }

    private func step() {
        guard !isOver, let work else { return }
        let began = loop.now
        number += 1
        swap(&commands, &batch)
        Work.empty(&output)
        do {
            let result = try work.step(&batch, at: began, into: &output)
            batch.removeAll(keepingCapacity: true)
            hasMore = result.hasMore
            loop.schedule(after: max(result.duration, Self.shortestStep)) { [weak self] in self?.finish(began) }
        } catch { fail(error) }
    }

    private func finish(_ began: Instant) {
        guard !isOver else { return }
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
