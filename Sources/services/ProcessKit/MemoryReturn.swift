import ClusterModel
package import EventLoop

/// Gives memory back to the system when a process that was busy rests. While it is busy it would only take it again.
@LoopActor
package final class MemoryReturn {
    private let loop: Loop
    private let used: @LoopActor () -> Duration
    private let giveBack: @LoopActor () -> Bool
    private var usedBefore: Duration
    /// Something was done since it was given back; the files that are read at the start are.
    private var isDue = true
    private var timer: TimerHandle?

    package static let interval = Duration.seconds(2)
    /// Of a core: below, the process rests; above, it has done something that may have left memory.
    private static let resting = 0.2
    private static let working = 0.02

    /// By a pool's thread. One that has no room has other things to do, and it is tried again.
    package convenience init(on loop: Loop, pool: WorkPool) {
        self.init(
            on: loop, used: { ProcessTime.used },
            giveBack: {
                do throws(WorkPool.Full) { try pool.submit { FreeMemory.giveBack() } } catch { return false }
                return true
            })
    }

    /// - Parameters:
    ///   - used: processor time of the process so far.
    ///   - giveBack: false if it could not be begun.
    package init(on loop: Loop, used: @escaping @LoopActor () -> Duration, giveBack: @escaping @LoopActor () -> Bool) {
        self.loop = loop
        self.used = used
        self.giveBack = giveBack
        usedBefore = used()
        lookLater()
    }

    package func stop() {
        loop.cancel(timer)
        timer = nil
    }

    private func lookLater() {
        timer = loop.schedule(after: Self.interval) { [weak self] in
            self?.look()
            self?.lookLater()
        }
    }

    private func look() {
        let now = used(), share = (now - usedBefore) / Self.interval
        usedBefore = now
        if share >= Self.working { isDue = true }
        // What takes next to no processor time may leave memory, too: a queue that was long, streams that end one by one. So now and then it is
        // given back whatever was done.
        let looksBetween: Int64 = 8
        let isTurn = loop.now.nanoseconds / Self.interval.inNanoseconds % looksBetween == looksBetween - 1
        if isDue || isTurn, share < Self.resting, giveBack() { isDue = false }
    }
}
