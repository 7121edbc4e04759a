import ClusterModel
import EventLoop
import HTTPServing
import JSONText
import OpenAIDialect
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// Answers why a request of this frontend went where it went: routers keep the records, the frontend knows what its clients call their requests.
@LoopActor
final class RequestDecisions {
    private unowned let frontend: Frontend
    /// What clients called their last requests, by their tenants: those of one, however many, push out none of another's.
    private var labels: [String: LabelRing] = [:]
    /// Whose the last requests were, by their counters in turn; empty where everybody is one.
    private var owners: [Owner] = []

    private struct Owner {
        var counter: UInt64 = 0
        var tenant = ""
    }

    /// A tenant's part of the labels, however many tenants there are.
    static let leastLabels = 64
    /// A router has the record in memory.
    static let answerLimit = Duration.seconds(2)

    init(_ frontend: Frontend) { self.frontend = frontend }

    /// Requests that one client asked for together; the first one bears the label.
    func remember(_ label: String?, _ requests: OneOrMore<RequestID>, of tenant: Tenant) {
        if !tenant.name.isEmpty {
            if owners.isEmpty { owners = Array(repeating: Owner(), count: TenantLimits.rememberedRequests) }
            for request in requests { owners[place(of: request)] = Owner(counter: request.counter, tenant: tenant.name) }
        }
        guard let label else { return }
        if labels[tenant.name] == nil { addRing(for: tenant) }
        labels[tenant.name]?.remember(label, requests.first)
        // By it an operator who knows what the client calls its request finds the lines of it, in which it is a number.
        frontend.context.log.debug(
            "request with a name of its own",
            ["request": .text(requests.first.description), "requests": .count(requests.count), "x_request_id": .text(label)])
    }

    private func addRing(for tenant: Tenant) {
        let names = Set(frontend.tenants.inOrder.map(\.tenant.name))
        // Of tenants that are gone nobody asks any more.
        labels = labels.filter { names.contains($0.key) }
        labels[tenant.name] = LabelRing(room: max(Self.leastLabels, frontend.limits.keptLabels / max(names.count, 1)))
    }

    /// Labels that are kept, of all tenants.
    var keptLabels: Int {
        // Order: a sum.
        labels.values.reduce(0) { $0 + $1.count }
    }

    /// Answers with the record of the request's last decision.
    /// - Parameter tenant: who asks; nil: an operator, whom all of them are open to.
    func answer(_ exchange: HTTPExchange, of tenant: Tenant?, naming: Naming, requestID: String) async {
        let name = exchange.parameter("id") ?? ""
        guard let id = request(named: name, of: tenant), let record = await record(of: id, naming: naming) else {
            return exchange.respond(.error(ErrorBody(Self.notFound), requestID: requestID))
        }
        exchange.respond(.json(.ok, record))
    }

    /// How placements are named: clients learn nothing of the cluster, operators all of it.
    enum Naming { case ordinals, ids }

    private static let notFound = ServiceFailure(.notFound, detail: "No decision on such a request is kept.", param: "id")

    /// By the client's label, or by the id that answers have where the client gave none. Nobody asks for another frontend's requests.
    func request(named name: String, of tenant: Tenant?) -> RequestID? {
        let tenants = tenant.map { [$0.name] } ?? frontend.tenants.inOrder.map(\.tenant.name) + [""]
        let known = tenants.compactMap { labels[$0]?[name] }
        if let last = known.max(by: { $0.counter < $1.counter }) { return last }
        guard let id = RequestID(text: name), id.origin == frontend.context.identity.generation else { return nil }
        guard let tenant, !tenant.name.isEmpty else { return id }
        let owner = owners.isEmpty ? Owner() : owners[place(of: id)]
        return owner.counter == id.counter && owner.tenant == tenant.name ? id : nil
    }

    private func place(of request: RequestID) -> Int { Int(request.counter % UInt64(TenantLimits.rememberedRequests)) }

    /// Attempts may have been placed by several routers, and the two legs of one too: the last decision of all counts.
    private func record(of id: RequestID, naming: Naming) async -> [UInt8]? {
        var last: RouterDecision?
        for router in frontend.cluster.routers {
            guard let decision = await router.explain(id, attempt: 0, ordinals: naming == .ordinals) else { continue }
            if let known = last, !known.isBefore(decision) { continue }
            last = decision
        }
        return last?.json
    }
}

/// A router's record of a decision, with what of it says which of several is the last.
struct RouterDecision {
    let json: [UInt8]
    private let attempt: Int
    private let isOfDecode: Bool

    /// Nil for what is no JSON: it is put into our own.
    init?(_ json: [UInt8]) {
        guard let record = try? JSONValue(parsing: json) else { return nil }
        self.json = json
        attempt = record["attempt"]?.asInt ?? 0
        isOfDecode = record["shape"]?.asString == "decode"
    }

    /// A decode leg of its own is placed when its prefill leg has ended.
    func isBefore(_ other: RouterDecision) -> Bool {
        attempt == other.attempt ? !isOfDecode && other.isOfDecode : attempt < other.attempt
    }
}

extension RouterClient {
    /// The record of a decision on a request of this frontend; attempt 0: the last one. Nil: it is not there, or no answer came.
    func explain(_ id: RequestID, attempt: UInt8, ordinals: Bool) async -> RouterDecision? {
        let key = RequestKey(origin: id.origin, counter: id.counter, attempt: attempt)
        let answer = await ask(ExplainQuestion(request: key, ordinals: ordinals), within: RequestDecisions.answerLimit)
        return answer.flatMap { RouterDecision($0.decision) }
    }
}
