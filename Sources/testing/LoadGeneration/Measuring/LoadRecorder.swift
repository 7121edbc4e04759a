/// Gathers what becomes of the requests of one run.
package struct LoadRecorder: Sendable {
    package let limits: GoodputLimits
    package private(set) var outcomes = 0

    package init(limits: GoodputLimits = GoodputLimits()) { self.limits = limits }

    /// A piece of an answer came so long after the one before it, with so many tokens.
    package mutating func gap(_ duration: Duration, tokens: UInt32 = 1) {}

    package mutating func ended(_ outcome: RequestOutcome) { outcomes += 1 }
}
