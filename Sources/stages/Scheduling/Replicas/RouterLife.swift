package import ClusterModel

/// A router in one of its lives: who booked a lease.
package struct RouterLife: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let router: RouterID
    package let generation: Generation

    package init(router: RouterID, generation: Generation) {
        self.router = router
        self.generation = generation
    }

    package static func < (left: RouterLife, right: RouterLife) -> Bool {
        (left.router, left.generation) < (right.router, right.generation)
    }

    package var description: String { "\(router) in life \(generation)" }
}
