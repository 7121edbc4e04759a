import Glibc

/// The processes of a system, to be looked at now and again.
struct ProcessUses: Sendable {
    struct Part: Sendable {
        let name: String
        let isEngine: Bool
        let process: pid_t
    }

    typealias Uses = [(part: Part, use: ProcessUse)]

    private let parts: [Part]

    init(_ processes: [(part: String, isEngine: Bool, id: pid_t)]) {
        parts = processes.map { Part(name: $0.part, isEngine: $0.isEngine, process: $0.id) }
    }

    /// Nil: one of them is gone.
    func now() -> Uses? {
        let uses = parts.compactMap { part in ProcessUse(of: part.process).map { (part, $0) } }
        return uses.count == parts.count ? uses : nil
    }

    /// What was used between two looks, a line for each part, in their order. Nil: a process that was there before is gone, and what it used
    /// since cannot be known.
    static func costs(_ before: Uses, _ after: Uses) -> [LoadOutcome.Cost]? {
        var costs: [LoadOutcome.Cost] = []
        for (first, second) in zip(before, after) {
            guard first.use.processes.isSubset(of: second.use.processes) else { return nil }
            let cpu = Double(second.use.cpuNanoseconds - first.use.cpuNanoseconds) / 1e9
            let resident = Double(second.use.residentBytes), peak = Double(second.use.peakBytes)
            if let place = costs.firstIndex(where: { $0.part == second.part.name }) {
                costs[place].cpuSeconds += cpu
                costs[place].residentBytes += resident
                costs[place].peakBytes += peak
            } else {
                costs.append(
                    LoadOutcome.Cost(
                        part: second.part.name, isEngine: second.part.isEngine, cpuSeconds: cpu, residentBytes: resident, peakBytes: peak))
            }
        }
        return costs
    }
}
