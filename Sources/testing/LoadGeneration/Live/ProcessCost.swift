import ClusterModel
import Glibc

/// What this process has used of its host.
package struct ProcessCost: Hashable, Sendable {
    /// Of all threads, in the program and in the kernel on its behalf.
    package var user: Duration
    package var system: Duration

    package var cpu: Duration { user + system }

    package init(user: Duration, system: Duration) {
        self.user = user
        self.system = system
    }

    package static func soFar() -> ProcessCost {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return ProcessCost(user: duration(usage.ru_utime), system: duration(usage.ru_stime))
    }

    package static func - (later: ProcessCost, earlier: ProcessCost) -> ProcessCost {
        ProcessCost(user: later.user - earlier.user, system: later.system - earlier.system)
    }

    private static func duration(_ time: timeval) -> Duration { .seconds(time.tv_sec) + .microseconds(time.tv_usec) }
}
