import Synchronization

/// Raised once, seen by every thread: work that is under way elsewhere is not wanted any more.
package final class Flag: Sendable {
    private let state = Atomic(false)

    package init() {}

    package func raise() { state.store(true, ordering: .releasing) }

    package var isRaised: Bool { state.load(ordering: .acquiring) }
}
