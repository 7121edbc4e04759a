package import ClusterModel
import ProcessKit
package import WireProtocol

/// What a frontend has under way, for whoever compares it with what workers run.
extension FrontendService {
    /// The nonce of this life: where its requests come from.
    package var nonce: UInt64 { context.identity.generation }

    /// What is above or below its limits now, in words: nothing, ever.
    package var beyondLimits: [String] {
        var words: [String] = []
        if !(0...frontend.limits.requests).contains(frontend.running) {
            words.append("\(frontend.running) requests run, and there is room for \(frontend.limits.requests)")
        }
        for account in frontend.tenants.inOrder {
            let most = account.tenant.maxRunning ?? .max
            if !(0...most).contains(account.running) || account.reservedTokens < 0 {
                words.append(
                    "\(account.tenant.name) has \(account.running) requests here of \(most), and \(account.reservedTokens) tokens reserved")
            }
        }
        return words
    }

    /// Each leg that it has asked a worker for and takes for running there; workers by their ids, of one worker in the order of requests.
    package var legsAsked: [(worker: WorkerID, request: RequestKey, leg: Leg)] {
        frontend.workers.all.flatMap { client in
            client.legs.map { request, leg in
                (
                    WorkerID(client.workerID), RequestKey(origin: nonce, counter: request.counter, attempt: request.attempt), leg
                )
            }
        }
    }
}
