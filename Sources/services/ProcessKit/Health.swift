package import EventLoop
package import HTTPServing

/// Liveness and readiness, under all the names by which probes and clients ask for them.
package enum Health {
    @LoopActor
    package static func serve(on table: HandlerTable, isReady: @escaping @LoopActor @Sendable () -> Bool) {
        // Alive is who answers: a loop that hangs does not.
        let alive: HandlerTable.Handler = { $0.respond(.text(.ok, "ok\n")) }
        let ready: HandlerTable.Handler = { exchange in
            exchange.respond(isReady() ? .text(.ok, "ready\n") : .text(.serviceUnavailable, "not ready\n"))
        }
        for path in ["/health", "/healthz", "/live", "/livez", "/liveness", "/ping"] as [StaticString] { table.on(.get, path, run: alive) }
        for path in ["/ready", "/readyz", "/readiness"] as [StaticString] { table.on(.get, path, run: ready) }
    }
}
