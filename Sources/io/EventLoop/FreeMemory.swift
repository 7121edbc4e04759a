import CSys
import ClusterModel
import Glibc

/// Memory that a burst has left behind. The allocator keeps what lies between pieces that are still used for as long as the process lives: after
/// thousands of streams that is most of what they took.
package enum FreeMemory {
    /// On a thread that may wait: nobody allocates meanwhile.
    package static func giveBack() { apus_give_back_memory() }
}

/// Processor time of the whole process, user and system.
package enum ProcessTime {
    package static var used: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
