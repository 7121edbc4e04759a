package import ClusterModel

/// An engine without a model: batches, queues and times like a real one, tokens that follow from prompt, seed, choice and position.
package final class MockEngine: InferenceEngine {
    package let profile: EngineProfile
    private let latency: LatencyModel
    private let ranks: [MockRank]
    private var requests: [EngineRequestKey: (request: MockRequest, rank: Int)] = [:]
    /// Said in the next step.
    private var ends: [EngineEnd] = []

    package init(_ configuration: MockConfiguration) {
        profile = configuration.profile
        latency = configuration.latency
        ranks = profile.ranks.map { MockRank(room: $0, blockSize: Int(configuration.blockSize)) }
    }

    package var hasWork: Bool { !ends.isEmpty || ranks.contains { $0.hasWork } }

    package func admit(_ request: EngineRequest) {
        let made = MockRequest(request, blockSize: Int(profile.model.blockSize)), rank = Int(request.rank.rawValue)
        if let fault = problem(with: request, made) ?? ranks[rank].admit(made) {
            ends.append(made.end(.failed(fault)))
        } else {
            requests[request.key] = (made, rank)
        }
    }

    private func problem(with request: EngineRequest, _ made: MockRequest) -> EngineFault? {
        if request.rank.rawValue >= ranks.count { return .unsupported("rank") }
        if request.leg != .whole { return .unsupported("leg") }
        if request.handOver != .none { return .unsupported("handOver") }
        if request.embeds { return .unsupported("task") }
        if request.constraint != nil { return .unsupported("constraint") }
        if request.prompt.isEmpty { return .unsupported("promptTokens") }
        if !made.isFeasible || made.choices.isEmpty { return .unsupported("choices") }
        return nil
    }

    package func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        guard let (request, rank) = requests[key], ranks[rank].cancel(request, choice: choice) else { return }
        requests[key] = nil
        ends.append(request.end(.cancelled))
    }

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        swap(&output.ends, &ends)
        var longest = Duration.zero
        for rank in ranks {
            let work = rank.step(into: &output) { request in
                requests[request.key] = nil
                ends.append(request.end(.finished))
            }
            longest = max(longest, latency.stepDuration(work))
            output.loads.append(rank.load)
        }
        output.ends.append(contentsOf: ends)
        ends.removeAll(keepingCapacity: true)
        return longest
    }
}
