import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import TestSupport
import Transport
import WireProtocol

/// `wiretool greet`: the dialling side, once.
enum Greet {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool greet", summary: "Opens one link, asks a question that every process answers, and says goodbye.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool greet --to tcp://127.0.0.1:8100 --link control", "opens a control link"),
                    .init("wiretool greet --to tcp://127.0.0.1:8100 --link data --synthetic-minor 2", "as a version to come would"),
                ]))
        let to = table.required("to", .address(.peer), help: "The address to dial.")
        let link = table.option(
            "link", .words(LinkKind.allCases.map { "\($0)" }), default: "control", help: "The kind of link to open.")
        let options = LinkOptions(in: &table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            return CommandLoop.run("wiretool greet") { loop, stop in await dial(resolved, to, link, options, loop) }
        }
    }

    @LoopActor
    private static func dial(
        _ resolved: ResolvedConfiguration, _ to: OptionKey<String>, _ link: OptionKey<String>, _ options: LinkOptions, _ loop: EpollLoop
    ) async -> ExitCode {
        do {
            let network = try NngNetwork(on: loop, tls: options.tls(resolved))
            defer { network.close() }
            let endpoint = LinkEndpoint(loop: loop, network: network, policy: options.policy(resolved, name: "greeter", on: loop))
            guard let kind = LinkKind.allCases.first(where: { "\($0)" == resolved[link] }) else { return .usage }
            let opened = await endpoint.dial(try Address(parsing: resolved[to]), kind: kind)
            let open = try opened.get()
            let ended = GreetingEnd(on: loop)
            open.handler = ended
            say("\(kind) link open with \(open.peer.role) \(Hexadecimal.text(open.peer.id)), minor \(open.terms.minor)")
            if options.isSynthetic(resolved) {
                open.send(MessageHeader(rawKind: WireDialect.syntheticKind)) { _ in }
            }
            say(await question(open))
            open.goodbye(.done)
            let end = await ended.promise.wait(until: loop.now + TransportLimits.goodbye + .seconds(1))
            say("ended: \(end.map { "\($0)" } ?? "not in time")")
            if case .goodbye = end { return .ok }
            return .failure
        } catch {
            complain("wiretool greet: \(error)")
            return .failure
        }
    }

    /// A kind that nobody knows, asked as a question: every version answers it in the same way.
    @LoopActor
    private static func question(_ link: Link) async -> String {
        do throws(LinkFailure) {
            _ = try await link.ask(UnknownQuestion(), answeredBy: GoodbyeAck.self, within: .seconds(2))
            return "an unknown question was answered, which nobody should"
        } catch {
            guard case .failed(let failure) = error, failure.code == .unsupportedKind || failure.code == .notAllowedHere else {
                return "an unknown question ended with \(error)"
            }
            return "an unknown question was refused as it should be"
        }
    }

    /// A question of a kind that does not belong to any link but peer ones, which the greeter does not ask there.
    private struct UnknownQuestion: WireMessage {
        static let kind = MessageKind.beat
        mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {}
    }
}

@LoopActor
private final class GreetingEnd: LinkHandler {
    let promise: Promise<LinkEnd>
    init(on loop: Loop) { promise = Promise(on: loop) }
    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {}
    func link(_ link: Link, ended end: LinkEnd) { promise.fulfil(end) }
}
