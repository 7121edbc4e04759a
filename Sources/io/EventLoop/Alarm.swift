package import ClusterModel

/// Wakes its owner at one moment at a time: for those who measure others, and must not be late themselves.
///
/// `Loop.schedule` rounds up to the next millisecond, which lets thousands of timers share a waking. On a loop of the kernel an alarm is exact to
/// some tens of microseconds and costs a system call for each moment; in a simulation it is a timer as any other.
@LoopActor
package class Alarm {
    let loop: Loop
    private let action: @LoopActor () -> Void
    private(set) final var moment: Instant?
    private(set) final var isClosed = false
    private var timer: TimerHandle?

    init(on loop: Loop, _ action: @escaping @LoopActor () -> Void) {
        self.loop = loop
        self.action = action
    }

    /// Goes off at `moment`, or in the loop's next turn if that has passed; in place of the moment that was set before. To set the same one
    /// again costs nothing.
    package final func set(at moment: Instant) {
        guard moment != self.moment, !isClosed else { return }
        self.moment = moment
        arm(moment)
    }

    /// It never goes off again. To be called before the last reference goes.
    package func close() {
        isClosed = true
        loop.cancel(timer)
        timer = nil
    }

    func arm(_ moment: Instant) {
        loop.cancel(timer)
        timer = loop.schedule(at: moment) { [weak self] in self?.goOff() }
    }

    final func goOff() {
        moment = nil
        action()
    }
}
