package import LoadGeneration
import Scheduling

extension FleetSimulation {
    /// Requests a second that a fleet completes while there are always more: all of the load offered at once, in its order, with nobody sent away.
    ///
    /// From the moment in which a tenth is complete until nine tenths are: the first ones find empty workers, and the last ones leave them so.
    package static func capacity(of workload: Workload, _ options: FleetOptions, progress: Progress? = nil) -> Double {
        var crowded = workload, patient = options
        for index in crowded.requests.indices {
            crowded.requests[index].due = .zero
            crowded.requests[index].patience = nil
        }
        patient.faults = []
        patient.queue.entries = crowded.requests.count
        patient.queue.batches = 1 << 30
        patient.queue.longest = FleetLimits.tail
        patient.firstToken = FleetLimits.tail
        patient.policy.settings.thresholds = BusyThresholds()
        let completions = run(crowded, patient, progress: progress).figures.completions
        let first = completions.count / 10, last = completions.count * 9 / 10
        guard last > first, completions[last] > completions[first] else { return 0 }
        return Double(last - first) / (completions[last] - completions[first]).inSeconds
    }
}

extension Workload {
    /// As offered, from the first request to the last.
    package var requestsPerSecond: Double {
        guard let first = requests.first?.due, let last = requests.last?.due, last > first else { return 0 }
        return Double(requests.count - 1) / (last - first).inSeconds
    }

    /// The same requests, so many times as fast.
    package func offered(atSpeed speed: Double) -> Workload {
        var faster = self
        for index in requests.indices { faster.requests[index].due = .seconds(requests[index].due.inSeconds / speed) }
        return faster
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
