/// How a worker spoils its own stream, for tests of those who follow it: shares of its batches, by a seed.
///
/// Numbers, ring and snapshots keep the truth, so that whoever notices can mend what it missed. Beats are left alone: they are how a loss
/// is noticed.
package struct EventFaults: Hashable, Sendable {
    /// Not sent.
    package var loss = 0.0
    /// Sent twice.
    package var duplicate = 0.0
    /// Sent behind the message that follows.
    package var reorder = 0.0
    package var seed: UInt64 = 1

    package init() {}

    package var isActive: Bool { loss > 0 || duplicate > 0 || reorder > 0 }
}
