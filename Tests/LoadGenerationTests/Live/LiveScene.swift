import ClusterModel
import EventLoop
import HTTPServing
import Testing

@testable import LoadGeneration

/// A load and a server in virtual time.
final class LiveScene: @unchecked Sendable {
    // Safety: one test drives it, on one thread.
    let world: VirtualWorld
    let fabric: VirtualSocketFabric
    let clientLoop: VirtualLoop
    let serverLoop: VirtualLoop
    let client: VirtualSockets
    let serverSockets: VirtualSockets
    private(set) var result: LoadResult?
    private(set) var run: LoadRun?
    /// What the server was asked, in order.
    @LoopActor private(set) var asked: [Asked] = []

    struct Asked {
        let at: Instant
        let body: [UInt8]
        let session: String?
        let authorization: String?
        let tenant: String?
    }

    init(seed: UInt64 = 1) {
        world = VirtualWorld(seed: seed)
        fabric = VirtualSocketFabric(world)
        clientLoop = world.makeLoop("load")
        serverLoop = world.makeLoop("server")
        client = VirtualSockets("load", loop: clientLoop, on: fabric)
        serverSockets = VirtualSockets("server", loop: serverLoop, on: fabric)
    }

    /// A null server at the port that loads go to.
    func serveNothing(_ change: (inout NullServer.Options) -> Void = { _ in }) -> NullServer {
        var options = NullServer.Options()
        change(&options)
        return serverLoop.perform {
            let server = NullServer(on: serverLoop, sockets: serverSockets, options)
            do { try server.listen(host: "server", port: 80) } catch { preconditionFailure("\(error)") }
            return server
        }
    }

    /// A server that answers as the test says.
    func serve(limits: HTTPLimits = HTTPLimits(), _ answer: @escaping @LoopActor @Sendable (HTTPExchange) async -> Void) -> HTTPServer {
        serverLoop.perform {
            let table = HandlerTable(on: serverLoop), loop = serverLoop
            for path in ["/v1/chat/completions", "/v1/completions"] as [StaticString] {
                table.on(
                    .post, path,
                    task: { [self] exchange in
                        let headers = exchange.request.headers
                        asked.append(
                            Asked(
                                at: loop.now, body: exchange.request.body, session: headers["x-session-id"],
                                authorization: headers["authorization"], tenant: headers["x-tenant"]))
                        await answer(exchange)
                    })
            }
            let server = HTTPServer(on: serverLoop, sockets: serverSockets, limits: limits, application: table)
            do { try server.listen(host: "server", port: 80) } catch { preconditionFailure("\(error)") }
            return server
        }
    }

    /// Begins a run; `world.run` makes it go.
    func start(
        _ mode: LoadPlan.Mode, _ source: any LoadSource, port: UInt16 = 80, plan change: (inout LoadPlan) -> Void = { _ in },
        form changeForm: (inout RequestForm) -> Void = { _ in }
    ) throws {
        var plan = LoadPlan(mode), form = RequestForm(model: "m", prompt: .text(charactersPerToken: 1))
        plan.timeout = .seconds(30)
        change(&plan)
        changeForm(&form)
        let target = try LoadTarget(parsing: "http://server:\(port)")
        let run = try clientLoop.perform {
            Result { () throws(LoadRunError) in
                try LoadRun(
                    on: clientLoop, sockets: client, target: target, address: "server", form: form, source: source, blockTokens: 64,
                    plan: plan, recorder: LoadRecorder())
            }
        }.get()
        self.run = run
        clientLoop.spawn { [self] in result = try? await run.run() }
    }

    /// Runs it to its end; fails the test if that does not come.
    func finish(within span: Duration = .seconds(600)) throws -> LoadResult {
        world.run(for: span) { result != nil }
        return try #require(result, "the run has not ended")
    }
}

/// Requests at given moments.
func planned(_ moments: [Duration], tokens: UInt32 = 4, _ change: (inout PlannedRequest, Int) -> Void = { _, _ in }) -> WorkloadSource {
    let requests = moments.enumerated().map { place, moment in
        var request = PlannedRequest(due: moment, promptTokens: 20, outputTokens: tokens)
        change(&request, place)
        return request
    }
    return WorkloadSource(Workload(requests: requests, blockTokens: 64, source: "test"), seed: 1)
}
