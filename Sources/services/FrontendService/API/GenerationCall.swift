import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit

/// A call of an endpoint while it is read: whose it is, where its answer goes, and what is counted of it.
@LoopActor
final class GenerationCall {
    let exchange: HTTPExchange
    let endpoint: GenerationEndpoint
    let visit: TenantVisit
    /// What the client calls it.
    let label: String?
    let trace: RequestTrace
    /// Once its model is known.
    var meter: RequestMeter?

    init(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint, _ visit: TenantVisit, _ label: String?, _ trace: RequestTrace) {
        self.exchange = exchange
        self.endpoint = endpoint
        self.visit = visit
        self.label = label
        self.trace = trace
    }
}
