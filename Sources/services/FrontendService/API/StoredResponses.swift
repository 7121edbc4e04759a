import EventLoop
import HTTPServing
import OpenAIDialect

/// The paths under which other services keep responses. This one keeps none, and says so: a client then does not look for a mistake of its own.
@LoopActor
struct StoredResponses {
    private let frontend: Frontend

    init(_ frontend: Frontend) { self.frontend = frontend }

    func serve(on table: HandlerTable) {
        let refuse: HandlerTable.Handler = { [frontend] exchange in
            let requestID = exchange.request.requestLabel ?? frontend.drawnLabel
            exchange.respond(.error(ErrorBody(Self.failure), requestID: requestID))
        }
        table.on(.get, "/v1/responses/{id}", run: refuse)
        table.on(.delete, "/v1/responses/{id}", run: refuse)
        table.on(.get, "/v1/responses/{id}/input_items", run: refuse)
        table.on(.post, "/v1/responses/{id}/cancel", run: refuse)
    }

    private static let failure = ServiceFailure(
        .notFound, detail: "Responses are not stored here: there is none to be asked for later.", param: "id")
}
