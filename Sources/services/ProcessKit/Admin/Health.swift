package import EventLoop
package import HTTPServing

/// Liveness and readiness, under all the names by which probes and clients ask for them.
package enum Health {
    private static let alivePaths: [StaticString] = ["/health", "/healthz", "/live", "/livez", "/liveness", "/ping"]
    private static let readyPaths: [StaticString] = ["/ready", "/readyz", "/readiness"]

    /// All of them: whoever asks for keys lets probes pass.
    package static var paths: [String] { (alivePaths + readyPaths).map(\.description) }

    @LoopActor
    package static func serve(on table: HandlerTable, isReady: @escaping @LoopActor @Sendable () -> Bool) {
        // Alive is who answers: a loop that hangs does not.
        let alive: HandlerTable.Handler = { $0.respond(.text(.ok, "ok\n")) }
        let ready: HandlerTable.Handler = { exchange in
            exchange.respond(isReady() ? .text(.ok, "ready\n") : .text(.serviceUnavailable, "not ready\n"))
        }
        for path in alivePaths { table.on(.get, path, run: alive) }
        for path in readyPaths { table.on(.get, path, run: ready) }
    }
}
