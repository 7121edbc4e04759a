import ClusterModel
import EventLoop
import Glibc
import TestSupport

/// A thread whose sockets are those of a network namespace, so that clients here can talk with what listens in there on loopback.
package final class NamespaceDoor: Sendable {
    /// Of `setns`: the descriptor must be one of a network namespace.
    private static let networkKind: Int32 = 0x4000_0000
    /// Past a client's own patience, its thread must have died.
    private static let slack = Duration.seconds(10)

    private let thread: LoopThread

    package struct Closed: Error, CustomStringConvertible { package let description: String }

    /// `path` is the namespace's file. Before the first exchange the thread has moved there, or the process ends: a client that asked in another
    /// network than it believes would judge the wrong one.
    package init(_ path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Closed(description: "\(path): \(String(cString: strerror(errno)))") }
        let thread = try LoopThread("namespace")
        thread.onLoop {
            let status = enterNamespace(file, Self.networkKind)
            precondition(status == 0, "a namespace that was just made may be entered: \(String(cString: strerror(errno)))")
            Glibc.close(file)
        }
        self.thread = thread
    }

    /// One exchange on that thread; its answer comes back to `home`.
    @LoopActor
    func exchange(_ request: [UInt8], host: String, port: UInt16, _ conduct: ClientConduct, home: Loop) async -> ClientReply? {
        let promise = Promise<ClientReply>(on: home), inbox = home.inbox, loop = thread.loop
        thread.onLoop {
            let exchange = ClientExchange(on: loop, conduct)
            exchange.begin(request) { reply in _ = inbox.put(InboxItem(Homecoming { promise.fulfil(reply) }, event: 0)) }
            EpollSockets(on: loop).connect(host: host, port: port, timeout: TestClient.connectLimit) { exchange.connected($0) }
        }
        return await promise.wait(until: home.now + conduct.patience + Self.slack)
    }

    /// Once.
    package func close() { thread.stop() }
}

/// The compiler's view of Glibc leaves it out, since it stands behind a macro for GNU's own additions.
@_silgen_name("setns")
private func enterNamespace(_ descriptor: Int32, _ kind: Int32) -> Int32
