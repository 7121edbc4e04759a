/// One life of one worker: a process that restarts is another one.
package struct FollowedLife: Hashable, Comparable, Sendable {
    package let worker: UInt64
    package let generation: UInt64

    package init(worker: UInt64, generation: UInt64) {
        self.worker = worker
        self.generation = generation
    }

    package static func < (left: FollowedLife, right: FollowedLife) -> Bool {
        (left.worker, left.generation) < (right.worker, right.generation)
    }
}
