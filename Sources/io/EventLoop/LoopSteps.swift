import ClusterModel

/// Steps on real time in the loop's own thread, for work that says that it holds up nobody.
///
/// What the commands of a turn come to leaves with that turn, in the same writes as what was said of the commands themselves.
@LoopActor
final class LoopSteps<Work: StepWork>: Steps<Work>, EndOfTurn {
    private let loop: Loop
    private weak var reader: (any StepReader<Work>)?
    /// Until the end of the turn that it was made in.
    private var make: (() throws -> Work)?
    private var work: Work?
    /// The end of a step that lasts longer than its call; made for the first one.
    private var alarm: Alarm?
    private var commands: [Work.Command] = []
    private var batch: [Work.Command] = []
    private var output = Work.makeOutput()
    private var hasMore = false
    /// A step was taken, and its time has not passed.
    private var isLasting = false
    private var isOver = false
    private var wantsFlush = false
    private var number: UInt64 = 0
    private var began = Instant.zero

    /// Of steps that last no longer than their call. More wait for the next turn, so that work without end holds up nobody for longer than its steps
    /// take; and what so many steps said leaves in one write.
    private static var stepsPerTurn: Int { 8 }

    init(on loop: Loop, _ reader: any StepReader<Work>, _ make: @escaping () throws -> Work) {
        self.loop = loop
        self.reader = reader
        self.make = make
        super.init()
        stepSoon()
    }

    override func submit(_ command: consuming Work.Command) {
        guard !isOver else { return }
        commands.append(command)
        stepSoon()
    }

    override func wake() {
        guard !isOver else { return }
        hasMore = true
        stepSoon()
    }

    override var isIdle: Bool { isOver || (commands.isEmpty && !hasMore && !isLasting) }

    @discardableResult
    override func close(within limit: Duration) -> Bool {
        end()
        return true
    }

    private func end() {
        isOver = true
        work = nil
        alarm?.close()
    }

    private func fail(_ error: any Error) {
        end()
        reader?.steps(failed: StepFailure(error))
    }

    // MARK: Steps

    private func stepSoon() {
        guard !wantsFlush, !isLasting else { return }
        wantsFlush = true
        loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        if let make, !isOver { start(make) }
        var left = Self.stepsPerTurn
        while left > 0, canStep, let work {
            left -= 1
            step(work)
        }
        if canStep { stepSoon() }
    }

    private var canStep: Bool { !isOver && !isLasting && (hasMore || !commands.isEmpty) }

    private func start(_ make: () throws -> Work) {
        self.make = nil
        do {
            let made = try make()
            work = made
            reader?.steps(began: made.profile)
        } catch { fail(error) }
    }

    private func step(_ work: Work) {
        swap(&commands, &batch)
        number += 1
        began = loop.preciseNow
        Work.empty(&output)
        do {
            let result = try work.step(&batch, at: began, into: &output)
            if !batch.isEmpty { batch.removeAll(keepingCapacity: true) }
            hasMore = result.hasMore
            if result.duration > .zero { try last(result.duration) } else { tell() }
        } catch { fail(error) }
    }

    private func last(_ duration: Duration) throws(SystemError) {
        if alarm == nil { alarm = try loop.makeAlarm { [weak self] in self?.lasted() } }
        isLasting = true
        alarm?.set(at: began + duration)
    }

    private func lasted() {
        isLasting = false
        tell()
        if canStep { stepSoon() }
    }

    private func tell() { reader?.steps(finished: StepSpan(number: number, began: began, ended: loop.preciseNow), &output) }
}
