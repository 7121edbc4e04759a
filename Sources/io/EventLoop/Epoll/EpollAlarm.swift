internal import CSys
import ClusterModel

/// An alarm of the kernel's.
final class EpollAlarm: Alarm, FileEventHandler {
    private let descriptor: Int32
    private let epoll: EpollLoop
    private var isOpen = true

    init(on loop: EpollLoop, _ action: @escaping @LoopActor () -> Void) throws(SystemError) {
        let descriptor = apus_timer_create()
        guard descriptor >= 0 else { throw SystemError("timerfd_create", code: -descriptor) }
        self.descriptor = descriptor
        epoll = loop
        super.init(on: loop, action)
        do throws(SystemError) { try loop.watch(descriptor, for: .readable, self) } catch {
            isOpen = false
            apus_close(descriptor, 0)
            throw error
        }
    }

    override func set(at moment: Instant) {
        guard isOpen else { return }
        let status = apus_timer_set(descriptor, moment.nanoseconds)
        precondition(status == 0, "a timer of ours takes every moment")
    }

    override func close() {
        guard isOpen else { return }
        isOpen = false
        epoll.unwatch(descriptor)
        apus_close(descriptor, 0)
    }

    func ready(_ events: FileEvents) {
        apus_eventfd_clear(descriptor)
        if isOpen { goOff() }
    }
}
