internal import CSys
import ClusterModel

/// An alarm of the kernel's.
final class EpollAlarm: Alarm, FileEventHandler {
    private let descriptor: Int32
    private let epoll: EpollLoop

    init(on loop: EpollLoop, _ action: @escaping @LoopActor () -> Void) throws(SystemError) {
        let descriptor = apus_timer_create()
        guard descriptor >= 0 else { throw SystemError("timerfd_create", code: -descriptor) }
        self.descriptor = descriptor
        epoll = loop
        super.init(on: loop, action)
        do throws(SystemError) { try loop.watch(descriptor, for: .readable, self) } catch {
            apus_close(descriptor, 0)
            throw error
        }
    }

    override func arm(_ moment: Instant) {
        let status = apus_timer_set(descriptor, moment.nanoseconds)
        precondition(status == 0, "a timer of ours takes every moment")
    }

    override func close() {
        guard !isClosed else { return }
        super.close()
        epoll.unwatch(descriptor)
        apus_close(descriptor, 0)
    }

    func ready(_ events: FileEvents) {
        apus_eventfd_clear(descriptor)
        // Told of the moment before, which another one replaced within this turn: that will be told as well.
        guard let moment, moment <= epoll.preciseNow else { return }
        goOff()
    }
}
