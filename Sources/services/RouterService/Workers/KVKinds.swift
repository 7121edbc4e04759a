import ClusterModel
import Scheduling
import WireProtocol

/// What KV state is like: workers whose state is of one kind read one another's.
struct KVKind: Hashable {
    let shape: KVShape
    let engineBuild: String

    /// Nil: its state stays where it is.
    init?(_ registration: RegisterWorker) {
        guard let shape = registration.kvShape else { return nil }
        self.shape = shape
        engineBuild = registration.engineBuild
    }
}

extension SplitPaths {
    init(_ capabilities: Capabilities) {
        self = []
        if capabilities.contains(.concurrentHandOver) { insert(.concurrent) }
        if capabilities.contains(.sequentialHandOver) { insert(.sequential) }
    }
}

/// Small numbers for the kinds that the members of one pool have, so that a decision compares numbers. A number is used again when nobody has its
/// kind any more.
struct KVKinds {
    /// Of one pool, where one or two are usual: a worker of one more keeps its state to itself.
    static let most = 64

    private var kinds: [(kind: KVKind, members: Int)?] = []

    /// The number of what a new member has; 0: none, or no room for one more.
    mutating func enter(_ kind: KVKind?) -> UInt16 {
        guard let kind else { return 0 }
        if let known = number(of: kind) {
            kinds[Int(known) - 1]?.members += 1
            return known
        }
        if let free = kinds.firstIndex(where: { $0 == nil }) {
            kinds[free] = (kind, 1)
            return UInt16(free + 1)
        }
        guard kinds.count < Self.most else { return 0 }
        kinds.append((kind, 1))
        return UInt16(kinds.count)
    }

    mutating func leave(_ number: UInt16) {
        guard number > 0, let entry = kinds[Int(number) - 1] else { return }
        kinds[Int(number) - 1] = entry.members > 1 ? (entry.kind, entry.members - 1) : nil
    }

    func number(of kind: KVKind) -> UInt16? { kinds.firstIndex { $0?.kind == kind }.map { UInt16($0 + 1) } }
    subscript(number: UInt16) -> KVKind? { number > 0 && Int(number) <= kinds.count ? kinds[Int(number) - 1]?.kind : nil }
}
