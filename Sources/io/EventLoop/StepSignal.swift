import ClusterModel
import Glibc

/// A signal that is given and taken once, with waits on the monotonic clock.
final class StepSignal: @unchecked Sendable {
    // Safety: `isGiven` is touched only while `mutex` is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isGiven = false

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func give() {
        pthread_mutex_lock(mutex)
        isGiven = true
        pthread_mutex_unlock(mutex)
        // Behind the mutex: whoever wakes would only wait for it.
        pthread_cond_signal(condition)
    }

    func wait() {
        pthread_mutex_lock(mutex)
        while !isGiven { pthread_cond_wait(condition, mutex) }
        isGiven = false
        pthread_mutex_unlock(mutex)
    }

    /// False if it was not given by then.
    func wait(until deadline: Instant) -> Bool {
        var time = timespec(tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isGiven {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        defer { isGiven = false }
        return isGiven
    }
}
