package import EventLoop

/// An application made of routes: a method and a path each, with what answers them.
///
/// A path is exact, or has parts in braces: `/v1/models/{id}` matches one segment, and `{id*}` as its last part all that is left. A route for
/// GET answers HEAD as well; OPTIONS, unknown paths, wrong methods and bodies that are no JSON are answered here.
@LoopActor
package final class HandlerTable: HTTPApplication {
    package typealias Handler = @LoopActor @Sendable (HTTPExchange) -> Void
    package typealias Work = @LoopActor @Sendable (HTTPExchange) async -> Void
    /// A task that ends with the answer.
    package typealias Rest = @LoopActor @Sendable () async -> Void
    package typealias Beginning = @LoopActor @Sendable (HTTPExchange) -> Remainder

    /// What is left of a request when its handler returns.
    package enum Remainder {
        /// It was answered.
        case nothing
        /// A task that answers it.
        case task(Rest)
        /// Two, one after the other: the first gives the second, or nil where it has answered. What a task has held once it keeps to its end, and an
        /// answer of half an hour need not hold what reading its request took.
        case tasks(@LoopActor @Sendable () async -> Rest?)
    }

    private struct Entry {
        let pattern: RoutePattern
        let method: HTTPMethod
        let hasParameters: Bool
        let maximumBody: Int
        let handler: Handler
    }

    private struct Route {
        let pattern: RoutePattern
        /// Places of its handlers.
        var handlers = 0..<0
    }

    /// Looked at before the routes, when the head is there: an answer refuses the request, for a missing key say.
    @exclusivity(unchecked) package var refuse: (@LoopActor (HTTPRequest) -> HTTPResponse?)?
    /// Bodies that say of themselves that they are no JSON are refused by the head, with what to send instead. One that says nothing is read:
    /// clients of a few lines forget the field.
    @exclusivity(unchecked) package var takesOnlyJSON = false
    /// Adds the fields that every answer has, those of this table and of the server too.
    @exclusivity(unchecked) package var completes: (@LoopActor (inout [HTTPField], HTTPRequest) -> Void)?
    /// The shape of errors; OpenAI's as a rule.
    package var errors: @Sendable (HTTPStatus, StaticString) -> [UInt8] = HTTPErrorBody.json

    /// The answer to a request that this table refuses by its path or its head; nil: in the shape of all errors.
    package var refusals: (@LoopActor (HTTPRequest, HTTPStatus, StaticString) -> HTTPResponse?)?

    private let loop: Loop
    @exclusivity(unchecked) private var routes: [Route] = []
    /// Of the routes, in their order.
    @exclusivity(unchecked) private var patterns: [RoutePattern] = []
    /// Route by route; an exchange's tag is the place of its own.
    @exclusivity(unchecked) private var handlers: [Entry] = []

    /// What a request without a purpose for a body may have: clients send empty objects with GET now and then.
    private static let needlessBodyBytes = 16 << 10

    package init(on loop: Loop) { self.loop = loop }

    // MARK: Routes

    /// Adds a handler that runs when the request is complete. It answers then or keeps the exchange and answers later.
    /// - Parameter maximumBody: the server's own limit if nil; little for methods whose bodies have no meaning.
    package func on(_ method: HTTPMethod, _ path: StaticString, maximumBody: Int? = nil, run handler: @escaping Handler) {
        let usual = method.isWriting ? Int.max : Self.needlessBodyBytes
        let pattern = RoutePattern(path)
        precondition(!handlers.contains { $0.pattern == pattern && $0.method == method }, "a route is added once")
        if !routes.contains(where: { $0.pattern == pattern }) {
            // Exact routes are looked at first: `/v1/models/x` may stand beside `/v1/models/{id}`.
            routes.insert(Route(pattern: pattern), at: routes.firstIndex { $0.pattern.rank > pattern.rank } ?? routes.count)
        }
        let entry = Entry(
            pattern: pattern, method: method, hasParameters: pattern.hasParameters, maximumBody: maximumBody ?? usual, handler: handler)
        let added = handlers + [entry]
        handlers = []
        for index in routes.indices {
            let first = handlers.count
            handlers += added.filter { $0.pattern == routes[index].pattern }
            routes[index].handlers = first..<handlers.count
        }
        patterns = routes.map(\.pattern)
    }

    /// Adds a handler that is a task of its own on the loop. Should it end without an answer, the client gets a 500, or the end of its stream.
    package func on(_ method: HTTPMethod, _ path: StaticString, maximumBody: Int? = nil, task work: @escaping Work) {
        let loop = loop
        on(method, path, maximumBody: maximumBody) { [weak self] exchange in
            loop.spawn {
                await work(exchange)
                self?.isOver(exchange)
            }
        }
    }

    /// Adds a handler that begins when the request is complete, and leaves the rest to tasks on the loop, if it has not answered. Should they end
    /// without an answer, the client gets a 500, or the end of its stream.
    package func handle(_ method: HTTPMethod, _ path: StaticString, maximumBody: Int? = nil, begin: @escaping Beginning) {
        let loop = loop
        on(method, path, maximumBody: maximumBody) { [weak self] exchange in
            switch begin(exchange) {
            case .nothing: self?.isOver(exchange)
            case .task(let rest):
                loop.spawn {
                    await rest()
                    self?.isOver(exchange)
                }
            case .tasks(let first):
                loop.spawn {
                    // What has begun is run to its end, whether anybody serves or not.
                    guard let rest = await first() else {
                        self?.isOver(exchange)
                        return
                    }
                    loop.spawn {
                        await rest()
                        self?.isOver(exchange)
                    }
                }
            }
        }
    }

    /// Its handler does nothing more for it.
    private func isOver(_ exchange: HTTPExchange) {
        guard !exchange.hasEnded, !exchange.isGone else { return }
        if exchange.hasBegun { exchange.abort() } else { exchange.respond(refusal(of: exchange.request, .noAnswer)) }
    }

    /// Every method and path that has a handler: what a description of the application must tell.
    package var operations: [(method: String, path: String)] { handlers.map { ($0.method.text, $0.pattern.text) } }

    // MARK: HTTPApplication

    package func admits(_ request: HTTPRequest) -> HTTPAdmission {
        if let refusal = refuse?(request) { return .refuse(refusal) }
        if request.isForServer { return .refuse(HTTPResponse(.noContent, headers: [HTTPField("Allow", "GET, HEAD, POST, OPTIONS")])) }
        guard let place = request.firstMatch(in: patterns) else {
            return .refuse(refusal(of: request, isUnknown(request.method) ? Self.unknownMethod : Self.unknownPath))
        }
        for index in routes[place].handlers where handlers[index].method == request.method {
            if takesOnlyJSON, request.method.isWriting, let refusal = refusalOfBody(request) { return .refuse(refusal) }
            return .read(maximumBody: handlers[index].maximumBody, tag: index)
        }
        if request.method == .head {
            for index in routes[place].handlers where handlers[index].method == .get {
                return .read(maximumBody: handlers[index].maximumBody, tag: index)
            }
        }
        guard !isUnknown(request.method) else { return .refuse(refusal(of: request, Self.unknownMethod)) }
        let allow = HTTPField("Allow", allowed(at: place))
        if request.method == .options { return .refuse(HTTPResponse(.noContent, headers: [allow])) }
        var response = refusal(of: request, .methodNotAllowed, "the path does not take this method; see the Allow header")
        response.headers.append(allow)
        return .refuse(response)
    }

    package func serve(_ exchange: HTTPExchange) {
        let place = exchange.tag
        if handlers[place].hasParameters { exchange.parameters = exchange.request.parameters(of: handlers[place].pattern) }
        let handler = handlers[place].handler
        handler(exchange)
    }

    private static let unknownPath = HTTPRefusal(.target, .notFound, "there is nothing at this path")
    private static let unknownMethod = HTTPRefusal(.method, .notImplemented, "this server does not know the method")

    /// No route of this table takes it, and it is none of those that every server knows.
    private func isUnknown(_ method: HTTPMethod) -> Bool {
        guard case .other(let name) = method, name != "TRACE" else { return false }
        return !handlers.contains { $0.method == method }
    }

    /// Of a body that is there and says that it is something else.
    private func refusalOfBody(_ request: HTTPRequest) -> HTTPResponse? {
        guard request.framing != .none else { return nil }
        var response: HTTPResponse
        if request.isCoded {
            response = refusal(of: request, .unsupportedMediaType, "the body has a Content-Encoding; send it as it is")
            response.headers.append(HTTPField("Accept-Encoding", "identity"))
        } else if !request.mayBeJSON {
            response = refusal(
                of: request, .unsupportedMediaType, "the body must be JSON; send it with the header Content-Type: application/json")
            response.headers.append(HTTPField("Accept", "application/json"))
        } else {
            return nil
        }
        return response
    }

    private func allowed(at place: Int) -> String {
        var names = handlers[routes[place].handlers].map(\.method.text)
        for implied in names.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"] where !names.contains(implied) { names.append(implied) }
        return names.joined(separator: ", ")
    }

    package func complete(_ headers: inout [HTTPField], of exchange: HTTPExchange) { completes?(&headers, exchange.request) }

    package func errorBody(_ status: HTTPStatus, _ reason: StaticString) -> [UInt8] { errors(status, reason) }

    /// An answer in the shape of this table's errors.
    package func error(_ status: HTTPStatus, _ reason: StaticString) -> HTTPResponse { .json(status, errors(status, reason)) }

    private func refusal(of request: HTTPRequest, _ refusal: HTTPRefusal) -> HTTPResponse {
        self.refusal(of: request, refusal.status, refusal.reason)
    }

    private func refusal(of request: HTTPRequest, _ status: HTTPStatus, _ reason: StaticString) -> HTTPResponse {
        refusals?(request, status, reason) ?? error(status, reason)
    }
}
