package import ClusterModel

/// Which of several pools of one model name gets the new requests.
///
/// Pools of one name differ in their cards, as during an update of weights. The one with the most ready workers is chosen, of equal ones that with
/// the smallest digest; it stays chosen until another has more, so that a name does not waver between two of the same size.
package struct PoolChooser: Sendable {
    package struct Pool: Hashable, Sendable {
        package let digest: Digest
        package let readyWorkers: Int

        package init(digest: Digest, readyWorkers: Int) {
            self.digest = digest
            self.readyWorkers = readyWorkers
        }
    }

    private var current: [String: Digest] = [:]

    package init() {}

    /// The pool of this name, among all that bear it now; nil if there are none.
    @discardableResult
    package mutating func choose(for model: String, among pools: [Pool]) -> Digest? {
        let largest = pools.min { ($1.readyWorkers, $0.digest) < ($0.readyWorkers, $1.digest) }
        guard let largest else {
            current[model] = nil
            return nil
        }
        if let held = current[model], let pool = pools.first(where: { $0.digest == held }), pool.readyWorkers >= largest.readyWorkers {
            return held
        }
        current[model] = largest.digest
        return largest.digest
    }

    package func current(for model: String) -> Digest? { current[model] }
}
