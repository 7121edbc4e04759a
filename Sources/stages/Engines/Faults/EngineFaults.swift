/// What goes wrong in an engine on purpose: for tests, drills and simulations. By default nothing does.
///
/// Everything is drawn from the seed, so the same commands meet the same faults again. A share is a probability, 0 to 1.
package struct EngineFaults: Hashable, Sendable {
    package enum Slowness: Hashable, Sendable {
        /// Multiplies the time by the engine's model; one whose steps take their own time is not slowed by it.
        case factor(Double)
        /// Comes on top of that time.
        case longer(Duration)
    }

    /// Steps that take longer, now and then.
    package struct SlowStep: Hashable, Sendable {
        package var share: Double
        package var slowness: Slowness

        package init(share: Double, _ slowness: Slowness) {
            self.share = share
            self.slowness = slowness
        }
    }

    /// One step that takes very long: to everybody else the engine has frozen.
    package struct Stall: Hashable, Sendable {
        /// From 1.
        package var step: UInt64
        package var duration: Duration

        package init(step: UInt64, duration: Duration) {
            self.step = step
            self.duration = duration
        }
    }

    package var seed: UInt64 = 0
    /// Of requests: they end with `capacity` instead of being taken.
    package var refusals = 0.0
    /// Of requests, only so long after the first one that came; nil: as long as the engine lives.
    package var refusesFor: Duration?
    package var slowStep: SlowStep?
    package var stall: Stall?
    /// The step that would give the output token of this number, from 1, fails the engine.
    package var failsAtToken: UInt64?
    /// The same, and the process ends in that moment without a word.
    package var crashesAtToken: UInt64?
    /// Of sequence hashes that the engine tells: these are told wrongly, each always in the same way.
    package var wrongHashes = 0.0
    /// After every so many steps all caches are cleared, and nobody is told.
    package var clearsSilentlyEvery: UInt64?
    /// Of exported slices: one byte is wrong.
    package var damagedExports = 0.0
    /// Of slices that are to be stored: the request fails instead.
    package var refusedStores = 0.0

    package init() {}

    package var isNone: Bool { names.isEmpty }

    /// Those that are on, each in a word or two, for a log.
    package var names: [String] {
        let all: [(String, Bool)] = [
            ("refused requests", refusals > 0), ("slow steps", slowStep.map { $0.share > 0 } ?? false), ("a stall", stall != nil),
            ("failure at a token", failsAtToken != nil), ("crash at a token", crashesAtToken != nil), ("wrong hashes", wrongHashes > 0),
            ("silent clears", clearsSilentlyEvery != nil), ("damaged exports", damagedExports > 0), ("refused stores", refusedStores > 0),
        ]
        return all.filter(\.1).map(\.0)
    }
}
