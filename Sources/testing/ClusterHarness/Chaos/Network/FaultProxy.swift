import ClusterModel
package import EventLoop
import TestSupport

/// A bad network on this machine: a second loopback host whose ports lead to the same ports of 127.0.0.1, as well as the conditions permit.
///
/// A process that is told the other host instead of 127.0.0.1 talks through it, and notices nothing but what a network does: delay, silence,
/// connections that end or only seem to stand. It never changes or loses a byte of a connection that goes on. Everything happens on a thread of
/// its own, so that the clients' work does not slow it.
package final class FaultProxy: Sendable {
    static let target = "127.0.0.1"
    /// How long the other thread may take to do what it is told.
    private static let answerLimit = Duration.seconds(10)

    package let host: String
    private let thread: LoopThread
    private let core: ProxyCore

    /// `host` is a loopback address of its own, such as 127.0.0.2.
    @LoopActor
    package init(host: String) throws {
        self.host = host
        thread = try LoopThread("proxy \(host)")
        core = ProxyCore(on: thread.loop, EpollSockets(on: thread.loop), host: host)
    }

    /// Forwards a port, or one that is free at 127.0.0.1 too.
    @LoopActor
    @discardableResult
    package func open(port: UInt16? = nil, on loop: Loop) async throws -> UInt16 {
        let answer = await ask(on: loop) { core -> Result<UInt16, SystemError> in
            do throws(SystemError) {
                guard let port else { return .success(try core.open()) }
                return .success(try core.open(port))
            } catch { return .failure(error) }
        }
        guard let answer else { throw Unmet("the proxy at \(host) answers") }
        return try answer.get()
    }

    /// From now on, for what is open and what comes.
    package func set(_ conditions: PathConditions) { thread.onLoop { [core] in core.set(conditions) } }

    /// Ends every connection with a reset, once.
    package func reset() { thread.onLoop { [core] in core.reset() } }

    /// Connections that are open through it.
    @LoopActor
    package func connections(on loop: Loop) async -> Int { await ask(on: loop) { $0.count } ?? 0 }

    /// Ends it; once.
    package func close() {
        thread.onLoop { [core] in core.close() }
        thread.stop()
    }

    /// Asks the other thread.
    @LoopActor
    private func ask<Answer: Sendable>(on loop: Loop, _ question: @escaping @LoopActor @Sendable (ProxyCore) -> Answer) async -> Answer? {
        let promise = Promise<Answer>(on: loop), home = loop.inbox
        thread.onLoop { [core] in
            let answer = question(core)
            _ = home.put(InboxItem(Homecoming { promise.fulfil(answer) }, event: 0))
        }
        return await promise.wait(until: loop.now + Self.answerLimit)
    }
}
