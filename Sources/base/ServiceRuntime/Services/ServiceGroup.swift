/// Starts services in order, waits, and ends them in reverse, each step with a bound: the body of every `main`.
///
/// Order is dependency: a service may use those before it from its start to its stop. The group runs where its caller runs.
package final class ServiceGroup {
    private let services: [any Service]
    private let startLimit: Duration
    private let drainLimit: Duration

    /// `startLimit` bounds each start; `drainLimit` bounds all drains together, because that is what the killer of processes counts.
    package init(_ services: [any Service], startLimit: Duration, drainLimit: Duration) {
        self.services = services
        self.startLimit = startLimit
        self.drainLimit = drainLimit
    }

    /// Runs to the end. `.ok` means: started, asked to end, and all work ended well.
    package func run(on host: any ServiceHost) async -> ExitCode {
        var sequence = ServiceSequence(count: services.count)
        var drainBegan: Duration?
        while true {
            switch sequence.step {
            case .start(let index):
                sequence.advance(await start(services[index], on: host))
            case .serve:
                host.report(.ready)
                let reason = await host.stopRequested()
                host.report(.stopping(reason))
                sequence.advance(.stop(reason))
            case .drain(let index):
                let began = drainBegan ?? host.elapsed
                drainBegan = began
                sequence.advance(await drain(services[index], within: drainLimit - (host.elapsed - began), on: host))
            case .stop(let index):
                services[index].stop()
                host.report(.stopped(services[index].name))
                sequence.advance(.done)
            case .exit(let code):
                host.report(.ended(code))
                return code
            }
        }
    }

    private func start(_ service: any Service, on host: any ServiceHost) async -> ServiceSequence.Outcome {
        host.report(.starting(service.name))
        let result = Result()
        let outcome = await host.bounded(by: startLimit, during: .start) {
            do {
                try await service.start()
            } catch {
                result.failure = "\(error)"
            }
        }
        switch outcome {
        case .finished:
            if let failure = result.failure {
                host.report(.startFailed(service.name, reason: failure))
                return .failed
            }
            host.report(.started(service.name))
            return .done
        case .deadlinePassed:
            host.report(.startDeadlinePassed(service.name))
            return .failed
        case .interrupted(let reason):
            host.report(.stopping(reason))
            return .stop(reason)
        }
    }

    private func drain(_ service: any Service, within limit: Duration, on host: any ServiceHost) async -> ServiceSequence.Outcome {
        guard limit > .zero else {
            host.report(.drainDeadlinePassed(service.name))
            return .failed
        }
        host.report(.draining(service.name))
        let result = Result()
        let outcome = await host.bounded(by: limit, during: .drain) { result.endedWell = await service.drain() }
        switch outcome {
        case .finished:
            host.report(.drained(service.name, endedWell: result.endedWell))
            return result.endedWell ? .done : .failed
        case .deadlinePassed:
            host.report(.drainDeadlinePassed(service.name))
            return .failed
        case .interrupted(let reason):
            host.report(.stopping(reason))
            return .stop(reason)
        }
    }

    /// What an operation says about itself. An object, because an operation that was left behind may still write to it.
    private final class Result {
        var failure: String?
        var endedWell = false
    }
}
