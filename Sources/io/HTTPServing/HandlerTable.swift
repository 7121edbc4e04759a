package import EventLoop

/// An application made of routes: a method and a path each, with what answers them.
///
/// A path is exact, or has parts in braces: `/v1/models/{id}` matches one segment, and `{id*}` as its last part all that is left. A route for
/// GET answers HEAD as well; OPTIONS, unknown paths and wrong methods are answered here.
@LoopActor
package final class HandlerTable: HTTPApplication {
    package typealias Handler = @LoopActor @Sendable (HTTPExchange) -> Void
    package typealias Work = @LoopActor @Sendable (HTTPExchange) async -> Void

    private struct Method {
        let method: HTTPMethod
        let maximumBody: Int
        let handler: Handler
    }

    private struct Route {
        let pattern: RoutePattern
        var methods: [Method] = []

        var allowed: String {
            var names = methods.map(\.method.text)
            if methods.contains(where: { $0.method == .get }), !names.contains("HEAD") { names.append("HEAD") }
            if !names.contains("OPTIONS") { names.append("OPTIONS") }
            return names.joined(separator: ", ")
        }
    }

    /// Looked at before the routes, when the head is there: an answer refuses the request, for a missing key say.
    package var refuse: (@LoopActor (HTTPRequest) -> HTTPResponse?)?
    /// The shape of errors; OpenAI's as a rule.
    package var errors: @Sendable (HTTPStatus, StaticString) -> [UInt8] = HTTPErrorBody.json

    private let loop: Loop
    private var routes: [Route] = []
    /// Of every handler, in the order in which they were added; an exchange's tag is the place of its own.
    private var handlers: [(handler: Handler, pattern: RoutePattern)] = []

    /// What a request without a purpose for a body may have: clients send empty objects with GET now and then.
    private static let needlessBodyBytes = 16 << 10

    package init(on loop: Loop) { self.loop = loop }

    // MARK: Routes

    /// Adds a handler that runs when the request is complete. It answers then or keeps the exchange and answers later.
    /// - Parameter maximumBody: the server's own limit if nil; little for methods whose bodies have no meaning.
    package func on(_ method: HTTPMethod, _ path: StaticString, maximumBody: Int? = nil, run handler: @escaping Handler) {
        let usual = [.post, .put, .patch].contains(method) ? Int.max : Self.needlessBodyBytes
        let pattern = RoutePattern(path)
        let entry = Method(method: method, maximumBody: maximumBody ?? usual, handler: handler)
        if let index = routes.firstIndex(where: { $0.pattern == pattern }) {
            precondition(!routes[index].methods.contains { $0.method == method }, "a route is added once")
            routes[index].methods.append(entry)
        } else {
            // Exact routes are looked at first: `/v1/models/x` may stand beside `/v1/models/{id}`.
            let place = routes.firstIndex { $0.pattern.rank > pattern.rank } ?? routes.count
            routes.insert(Route(pattern: pattern, methods: [entry]), at: place)
        }
        handlers = routes.flatMap { route in route.methods.map { ($0.handler, route.pattern) } }
    }

    /// Adds a handler that is a task of its own on the loop. Should it end without an answer, the client gets a 500, or the end of its stream.
    package func on(_ method: HTTPMethod, _ path: StaticString, maximumBody: Int? = nil, task work: @escaping Work) {
        let loop = loop
        on(method, path, maximumBody: maximumBody) { [weak self] exchange in
            loop.spawn {
                await work(exchange)
                guard !exchange.hasEnded, !exchange.isGone else { return }
                if exchange.hasBegun {
                    exchange.abort()
                } else {
                    exchange.respond(self?.error(.noAnswer) ?? HTTPResponse(.internalServerError))
                }
            }
        }
    }

    // MARK: HTTPApplication

    package func admits(_ request: HTTPRequest) -> HTTPAdmission {
        if let refusal = refuse?(request) { return .refuse(refusal) }
        if request.target.isAsterisk { return .refuse(HTTPResponse(.noContent, headers: [HTTPField("Allow", "GET, HEAD, POST, OPTIONS")])) }
        var first = 0
        for route in routes {
            defer { first += route.methods.count }
            guard request.withPath({ route.pattern.matches($0) }) else { continue }
            for (index, entry) in route.methods.enumerated() where entry.method == request.method {
                return .read(maximumBody: entry.maximumBody, tag: first + index)
            }
            if request.method == .head, let index = route.methods.firstIndex(where: { $0.method == .get }) {
                return .read(maximumBody: route.methods[index].maximumBody, tag: first + index)
            }
            let allow = HTTPField("Allow", route.allowed)
            if request.method == .options { return .refuse(HTTPResponse(.noContent, headers: [allow])) }
            var response = error(.methodNotAllowed, "the path does not take this method; see the Allow header")
            response.headers.append(allow)
            return .refuse(response)
        }
        return .refuse(error(.notFound, "there is nothing at this path"))
    }

    package func serve(_ exchange: HTTPExchange) {
        let (handler, pattern) = handlers[exchange.tag]
        if pattern.hasParameters { exchange.parameters = exchange.request.withPath { pattern.parameters(of: $0) } }
        handler(exchange)
    }

    package func errorBody(_ status: HTTPStatus, _ reason: StaticString) -> [UInt8] { errors(status, reason) }

    /// An answer in the shape of this table's errors.
    package func error(_ status: HTTPStatus, _ reason: StaticString) -> HTTPResponse { .json(status, errors(status, reason)) }

    private func error(_ refusal: HTTPRefusal) -> HTTPResponse { error(refusal.status, refusal.reason) }
}
