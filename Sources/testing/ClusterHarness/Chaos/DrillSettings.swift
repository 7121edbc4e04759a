/// How large a drill is. By default as large as it is meant to be.
package struct DrillSettings: Sendable {
    /// In place of a drill's own number.
    package var requests: Int?
    /// What prompts and seeds are drawn from.
    package var seed: UInt64 = 1
    /// Divides the times that a drill only waits through: how long a partition lasts, how far apart deaths are.
    package var haste = 1.0
    /// With what takes minutes, too.
    package var long = false
    /// Of drills with several cases, those whose names contain this.
    package var only: String?

    package init() {}

    func requests(_ usual: Int) -> Int { max(1, requests ?? usual) }

    func span(_ usual: Duration) -> Duration { usual * (1 / max(haste, 0.01)) }

    func runs(_ name: String) -> Bool { only.map { name.contains($0) } ?? true }
}
