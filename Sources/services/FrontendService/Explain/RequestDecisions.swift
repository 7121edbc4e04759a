import ClusterModel
import EventLoop
import HTTPServing
import JSONText
import OpenAIDialect
import ProcessKit
import Transport
import WireProtocol

/// Answers why a request of this frontend went where it went: routers keep the records, the frontend knows what its clients call their requests.
@LoopActor
final class RequestDecisions {
    private unowned let frontend: Frontend
    /// What clients called their last requests. Bounded; the same name means the last one.
    private var labelled: [String: RequestID] = [:]
    private var labels: [String] = []
    private var oldest = 0

    /// A label is looked up soon after its request or never.
    static let keptLabels = 4_096
    /// A router has the record in memory.
    static let answerLimit = Duration.seconds(2)

    init(_ frontend: Frontend) { self.frontend = frontend }

    func remember(_ label: String, _ request: RequestID) {
        guard labelled.updateValue(request, forKey: label) == nil else { return }
        if labels.count < Self.keptLabels { return labels.append(label) }
        labelled[labels[oldest]] = nil
        labels[oldest] = label
        oldest = (oldest + 1) % Self.keptLabels
    }

    /// Answers with the record of the request's last decision.
    func answer(_ exchange: HTTPExchange, naming: Naming, requestID: String) async {
        let name = exchange.parameter("id") ?? ""
        guard let id = request(named: name), let record = await record(of: id, naming: naming) else {
            return exchange.respond(.error(ErrorBody(Self.notFound), requestID: requestID))
        }
        exchange.respond(.json(.ok, record))
    }

    /// How placements are named: clients learn nothing of the cluster, operators all of it.
    enum Naming { case ordinals, ids }

    private static let notFound = ServiceFailure(.notFound, detail: "No decision on such a request is kept.", param: "id")

    /// By the client's label, or by the id that answers have where the client gave none. Nobody asks for another frontend's requests.
    private func request(named name: String) -> RequestID? {
        if let id = labelled[name] { return id }
        guard let id = RequestID(text: name), id.origin == frontend.context.identity.generation else { return nil }
        return id
    }

    /// From whichever router decided.
    private func record(of id: RequestID, naming: Naming) async -> [UInt8]? {
        for router in frontend.cluster.routers {
            if let record = await router.explain(id, attempt: 0, ordinals: naming == .ordinals) { return record }
        }
        return nil
    }
}

extension RouterClient {
    /// The record of a decision on a request of this frontend, as JSON; attempt 0: the last one. Nil: it is not there, or no answer came.
    func explain(_ id: RequestID, attempt: UInt8, ordinals: Bool) async -> [UInt8]? {
        let key = RequestKey(origin: id.origin, counter: id.counter, attempt: attempt)
        guard let answer = await ask(ExplainQuestion(request: key, ordinals: ordinals), within: RequestDecisions.answerLimit) else {
            return nil
        }
        // It is put into our own JSON, so it must be some.
        guard (try? JSONValue(parsing: answer.decision)) != nil else { return nil }
        return answer.decision
    }
}
