import EventLoop
import HTTPServing
import OpenAIDialect
import WireProtocol

/// Which models there are.
@LoopActor
final class ModelAPI {
    private let frontend: Frontend

    init(_ frontend: Frontend) { self.frontend = frontend }

    private func entry(_ name: String, _ card: ModelCard, for tenant: Tenant) -> ModelList.Model? {
        guard let model = frontend.models.model(card.digest) else { return nil }
        // Names tell nothing: what it may not see is no word of a list.
        let isTold = card.loRAs.contains { $0.text == name } && tenant.sees(card.name)
        return ModelList.Model(
            id: name, created: model.createdSeconds, contextLength: Int(card.contextLength), parent: isTold ? card.name : nil)
    }

    func list(_ exchange: HTTPExchange) {
        guard let tenant = frontend.tenant(of: exchange) else { return }
        var body: [UInt8] = []
        let seen = frontend.cluster.modelNames.filter { tenant.sees($0.name) }
        ModelList(seen.compactMap { entry($0.name, $0.card, for: tenant) }).append(to: &body)
        exchange.respond(.json(.ok, body))
    }

    func show(_ exchange: HTTPExchange) {
        guard let tenant = frontend.tenant(of: exchange) else { return }
        let name = exchange.parameter("id") ?? ""
        guard tenant.sees(name), let card = frontend.cluster.card(named: name), let model = entry(name, card, for: tenant) else {
            return exchange.respond(
                .error(ErrorBody(ServiceFailure.modelNotFound(name)), requestID: exchange.request.requestLabel ?? frontend.drawnLabel))
        }
        var body: [UInt8] = []
        model.append(to: &body)
        exchange.respond(.json(.ok, body))
    }
}
