/// How large a drill is.
package struct DrillSettings: Sendable {
    package enum Size: String, Sendable, CaseIterable {
        /// A few requests, waits cut short, and of many cases some: for continuous integration.
        case short
        case usual
        /// With the cases that last for minutes.
        case full
    }

    package var size = Size.usual
    /// In place of a drill's own number.
    package var requests: Int?
    /// What prompts and seeds are drawn from.
    package var seed: UInt64 = 1
    /// Divides the times that a drill only waits through: how long a partition lasts, how far apart deaths are. Nil: as the size has it.
    package var haste: Double?
    /// Of drills with several cases, those whose names contain this.
    package var only: String?

    package init() {}

    /// A short drill has so much of the usual number, and waits for so much of the usual time.
    private static let shortShare = 10, shortHaste = 4.0
    private static let fewest = 8

    func requests(_ usual: Int) -> Int {
        if let requests { return max(1, requests) }
        return size == .short ? min(usual, max(Self.fewest, usual / Self.shortShare)) : usual
    }

    func span(_ usual: Duration) -> Duration {
        usual * (1 / max(haste ?? (size == .short ? Self.shortHaste : 1), 0.01))
    }

    /// `isMinor`: a case like others, that a short run leaves out.
    func runs(_ name: String, isMinor: Bool = false) -> Bool {
        guard let only else { return size != .short || !isMinor }
        return name.contains(only)
    }
}
