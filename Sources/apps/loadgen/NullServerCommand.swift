import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import WireProtocol

/// `loadgen null-server`: answers as fast as it can, so that what a load costs its generator can be seen.
enum NullServerCommand {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let defaults = NullServer.Options()
        var table = OptionTable(
            ProcessDescription(
                name: "loadgen null-server",
                summary: """
                    Answers chat completions, completions and the list of models with well-formed answers of as many tokens as a request \
                    asks for, and thinks nothing: what a load generator measures with it is itself. Prints its address when it listens.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("loadgen null-server --listen 127.0.0.1:9000", "answers at once"),
                    .init("loadgen null-server --delay 20ms --interval 5ms", "as a model does that is never busy"),
                    .init("loadgen null-server --one-by-one", "behind a router: it gets what engines' servers send"),
                ]))
        let listen = table.option(
            "listen", .address(.http), default: "127.0.0.1:9000", help: "Where it listens; port 0: one that the system chooses.")
        let tokens = table.option(
            "tokens", .integer(1...100_000), default: defaults.tokens, help: "Of answers to requests that name no max_tokens.")
        let chunkTokens = table.option(
            "chunk-tokens", .integer(1...1_000), default: defaults.tokensPerChunk, help: "In one event of a stream.")
        let delay = table.option(
            "delay", .duration(.zero...(.seconds(600))), default: defaults.delay,
            help: "Before the first token, and before an answer that is no stream.")
        let interval = table.option(
            "interval", .duration(.zero...(.seconds(60))), default: defaults.interval,
            help: "Between the events of a stream; 0s: all of it at once.")
        let singly = table.flag(
            "one-by-one", default: defaults.sendsSingly,
            help: "Each event of a stream leaves in a send of its own, as those of engines' servers do.")
        let model = table.option("model", .text("NAME"), default: defaults.model, help: "What it calls its model.")
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            var options = defaults
            options.tokens = resolved[tokens]
            options.tokensPerChunk = resolved[chunkTokens]
            options.delay = resolved[delay]
            options.interval = resolved[interval]
            options.sendsSingly = resolved[singly]
            options.model = resolved[model]
            let address = resolved[listen]
            return CommandLoop.run("loadgen null-server") { [options] loop, stop in
                do {
                    let place = try AddressText(address, rule: .http)
                    let server = NullServer(on: loop, sockets: EpollSockets(on: loop), options)
                    let port = try server.listen(host: place.host, port: place.port)
                    let host = place.host.contains(":") ? "[\(place.host)]" : place.host
                    StandardStreams.output("http://\(host):\(port)\n")
                    while !stop.isFulfilled { _ = await stop.wait(until: loop.now + .seconds(3_600)) }
                    server.close()
                    complain("loadgen null-server: \(server.requests) requests")
                    return .ok
                } catch {
                    complain("loadgen null-server: \(address): \(error)")
                    return .failure
                }
            }
        }
    }
}
