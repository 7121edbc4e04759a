/// Leases of requests that were closed lately: what is still said of them is late, and not of requests that began before.
struct RecentLeases: Sendable {
    private var known: Set<UInt64> = []
    private var line: [UInt64] = []
    private var next = 0
    private static let most = 16_384

    func contains(_ lease: UInt64) -> Bool { known.contains(lease) }

    mutating func insert(_ lease: UInt64) {
        guard known.insert(lease).inserted else { return }
        if line.count < Self.most {
            line.append(lease)
        } else {
            known.remove(line[next])
            line[next] = lease
            next = (next + 1) % Self.most
        }
    }
}
