import ClusterModel
package import EventLoop
package import HTTPClient
import ServiceRuntime

/// The connections to one server: made when they are needed, kept for the next request, and never more than a number.
@LoopActor
package final class EngineServer {
    package let address: ServerAddress
    let loop: Loop
    private let sockets: any SocketSystem
    private let authorization: String?
    private let scratch = ReadScratch()
    private var idle: [HTTPClientConnection] = []
    private var used: [ObjectIdentifier: HTTPClientConnection] = [:]
    private var questions = 0
    private var isClosed = false

    package init(_ settings: ServerSettings, on loop: Loop, sockets: any SocketSystem) {
        address = settings.address
        authorization = settings.key.map { "Bearer \(String(decoding: $0.bytes, as: UTF8.self))" }
        self.loop = loop
        self.sockets = sockets
    }

    var openConnections: Int { idle.count + used.count }

    /// A request as it leaves: under the server's prefix, and with its key.
    func complete(_ request: HTTPClientRequest) -> HTTPClientRequest {
        var request = request
        request.target = address.prefix + request.target
        if let authorization { request.headers.append(("Authorization", authorization)) }
        return request
    }

    // MARK: Connections

    /// Nil where as many are in use as may be; some are left for questions.
    func connection(atMost most: Int = ServerLimits.answers) -> HTTPClientConnection? {
        guard !isClosed, used.count < most else { return nil }
        let connection = idle.popLast() ?? make()
        used[ObjectIdentifier(connection)] = connection
        return connection
    }

    /// One that has been connected to nobody: after an old one turned out to be closed.
    func freshConnection() -> HTTPClientConnection? {
        guard !isClosed, used.count < ServerLimits.answers + ServerLimits.questions else { return nil }
        let connection = make()
        used[ObjectIdentifier(connection)] = connection
        return connection
    }

    /// Nothing is under way on it any more.
    func giveBack(_ connection: HTTPClientConnection) {
        guard used.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if connection.isConnected, !connection.isBusy, !isClosed, idle.count < ServerLimits.idleConnections {
            idle.append(connection)
        } else {
            connection.close()
        }
    }

    private func make() -> HTTPClientConnection {
        var limits = HTTPClientLimits()
        limits.bodyBytes = ServerLimits.questionBytes
        limits.connect = ServerLimits.connect
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        return HTTPClientConnection(on: loop, sockets: sockets, host: host, port: address.port, limits: limits, scratch: scratch)
    }

    /// The server is gone: those that were kept are of no use.
    func dropIdle() {
        for connection in idle { connection.close() }
        idle.removeAll()
    }

    package func close() {
        isClosed = true
        dropIdle()
        // Order: each of them hears of its own end, and none of another's.
        for connection in used.values { connection.close() }
    }

    // MARK: Questions of our own

    /// The whole answer, whatever its status.
    package func ask(
        _ request: HTTPClientRequest, besides most: Int = ServerLimits.questions
    ) async throws(ServerProblem) -> HTTPClientResponse {
        guard questions < most else { throw .unanswered(.closed) }
        questions += 1
        defer { questions -= 1 }
        let request = complete(request), deadline = loop.now + ServerLimits.question
        var connection = self.connection(atMost: ServerLimits.answers + ServerLimits.questions)
        while let current = connection {
            do throws(HTTPClientError) {
                let response = try await current.fetch(request, until: deadline)
                giveBack(current)
                return response
            } catch {
                giveBack(current)
                guard case .closedBeforeAnswer(wasUsedBefore: true) = error else { throw .unanswered(error) }
                connection = freshConnection()
            }
        }
        throw .unanswered(.closed)
    }

    /// The same, of an answer that is a success.
    package func get(_ target: String) async throws(ServerProblem) -> [UInt8] {
        let response = try await ask(.get(target))
        guard response.status == 200 else { throw .refusal(status: response.status, response.body) }
        return response.body
    }

    /// Says something whose answer is of no interest; not at all while much else is asked: whether the server is well can always be asked.
    func say(_ request: HTTPClientRequest) {
        guard questions < ServerLimits.remarks else { return }
        loop.spawn { [self] in _ = try? await ask(request, besides: ServerLimits.remarks) }
    }
}
