import ClusterModel

extension SimulationRun.Options {
    /// Every member of the shape speaks a version of its own, and keeps it over its lives.
    package mutating func drawVersions(seed: UInt64) {
        let shape = scene(seed: seed).shape
        var random = SeededRandom(seed: seed ^ 0x7E_25_10)
        let names =
            (1...shape.routers).map { "router-\($0)" } + (1...shape.workers.count).map { "worker-\($0)" }
            + (1...shape.frontends).map { "frontend-\($0)" }
        for name in names { versions[name] = ProgramVersion.today.later(by: Int(random.next() % UInt64(ProgramVersion.allCases.count))) }
    }
}
