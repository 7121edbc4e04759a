import Glibc

/// How many files and sockets this process may have open.
package enum DescriptorLimit {
    /// Far beyond any cluster, where a machine sets no bound: what starts other programs may walk through all of them.
    private static let most: rlim_t = 1 << 20

    /// Raises the process's own bound to what it may be at the most. The lower one is kept low for programs that still use `select`, which no
    /// part of ours does.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max, limit.rlim_cur < most else { return }
        limit.rlim_cur = min(limit.rlim_max, most)
        _ = setrlimit(kind, &limit)
    }

    /// As it is now: an operator may change it while the process runs. One call into the kernel, which never waits.
    package static var current: Int {
        var limit = rlimit()
        guard getrlimit(kind, &limit) == 0 else { return .max }
        return Int(clamping: limit.rlim_cur)
    }

    private static var kind: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
}

/// Descriptors that clients do not get: whoever serves them needs some for its own links, and a few to say that there are no more.
///
/// Nothing is counted. The kernel gives the lowest number that is free, so that a high one tells that all below it are in use.
struct DescriptorReserve: Equatable {
    /// Of all that there may be, one in so many,
    private static let share = 4
    /// and no more than this: links to routers and workers that come back, their feeds, questions of operators.
    private static let most = 128

    enum Place: Hashable, Sendable {
        case free
        /// Whoever was let in can be told to come back, and no more.
        case reserve
        /// So many are being told that others should wait until some of them have left.
        case last
    }

    private let limit: Int
    private let size: Int

    init(limit: Int) {
        self.limit = limit
        size = min(Self.most, limit / Self.share)
    }

    func place(of descriptor: Int32) -> Place {
        let number = Int(descriptor)
        if number < limit - size { return .free }
        return number < limit - size / 2 ? .reserve : .last
    }
}
