import ClusterModel

/// Wrong tokens by the addresses that sent them, in a table that does not grow with their number.
struct WrongTries {
    private struct Window {
        let end: Instant
        var count = 0
    }

    private var windows: [String: Window] = [:]
    /// Of addresses that came when the table was full.
    private static let others = ""

    /// How long none of its tokens is looked at; nil: they are.
    func pause(of address: String, at now: Instant) -> Duration? {
        guard let window = windows[key(address)], window.end > now, window.count >= AdminLimits.wrongTries else { return nil }
        return now.duration(to: window.end)
    }

    mutating func count(_ address: String, at now: Instant) {
        if windows[address] == nil, windows.count >= AdminLimits.countedAddresses { windows = windows.filter { $0.value.end > now } }
        let key = key(address)
        if let window = windows[key], window.end <= now { windows[key] = nil }
        windows[key, default: Window(end: now + AdminLimits.triesSpan)].count += 1
    }

    private func key(_ address: String) -> String {
        windows[address] != nil || windows.count < AdminLimits.countedAddresses ? address : Self.others
    }
}
