import ClusterModel
package import Transport

/// A fault at a known time of a run, for a known time.
package struct PlannedFault: Sendable {
    package enum Kind: Sendable {
        /// Nothing passes between the two.
        case partition(String, String)
        /// Nothing passes from the first to the second.
        case cut(from: String, to: String)
        /// What passes between the two meets these faults.
        case spoil(String, String, LinkFaults)
        /// The process is gone, and another one takes its place.
        case death(String, ProcessDeath)
        case freeze(String)
        /// The process drains, and one of another version takes its place.
        case upgrade(String, ProgramVersion)
    }

    package let at: Duration
    package let span: Duration
    package let kind: Kind

    package init(at: Duration, for span: Duration, _ kind: Kind) {
        self.at = at
        self.span = span
        self.kind = kind
    }

    var end: Duration { at + span }

    func begin(in cluster: VirtualCluster) {
        switch kind {
        case .partition(let a, let b): cluster.fabric.partition(a, b)
        case .cut(let from, let to): cluster.fabric.cut(from: from, to: to)
        case .spoil(let a, let b, let faults): cluster.fabric.plan.set(between: a, and: b, faults)
        case .death(let name, let how): cluster.member(name).kill(how)
        case .freeze(let name): cluster.member(name).freeze()
        case .upgrade(let name, let version): cluster.upgrade(cluster.member(name), to: version)
        }
    }

    func end(in cluster: VirtualCluster) {
        switch kind {
        case .partition(let a, let b): cluster.fabric.heal(a, b)
        case .cut(let from, let to): cluster.fabric.heal(from: from, to: to)
        case .spoil(let a, let b, _): cluster.fabric.plan.set(between: a, and: b, cluster.fabric.plan.standard)
        case .death(let name, _): if !cluster.member(name).isAlive { cluster.member(name).restart() }
        case .freeze(let name): cluster.member(name).thaw()
        case .upgrade: break
        }
    }
}

extension PlannedFault: CustomStringConvertible {
    package var description: String {
        let what =
            switch kind {
            case .partition(let a, let b): "part \(a) from \(b)"
            case .cut(let from, let to): "hold what \(from) sends to \(to)"
            case .spoil(let a, let b, _): "spoil what passes between \(a) and \(b)"
            case .death(let name, let how): "kill \(name), \(how)"
            case .freeze(let name): "freeze \(name)"
            case .upgrade(let name, let version): "\(name) becomes \(version)"
            }
        return "\(at): \(what) for \(span)"
    }
}
