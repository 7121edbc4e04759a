package import ClusterModel
import ProcessKit
package import WireProtocol

/// What a frontend has under way, for whoever compares it with what workers run.
extension FrontendService {
    /// The nonce of this life: where its requests come from.
    package var nonce: UInt64 { context.identity.generation }

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
