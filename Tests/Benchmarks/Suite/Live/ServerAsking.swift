import ClusterModel
import EventLoop
import HTTPClient

/// Asks a server of loopback until it answers as it should.
enum ServerAsking {
    /// How often it is asked while nobody answers: a fraction of the shortest start there is.
    private static let pause = Duration.milliseconds(1)
    private static let answerLimit = Duration.seconds(20)

    /// Seconds until it answered with status 200 and what `isRight` wants; nil: not within the limit, or `goOn` said that it never would.
    static func wait(
        port: UInt16, _ request: HTTPClientRequest, limit: Duration, while goOn: @escaping @Sendable () -> Bool,
        isRight: @escaping @Sendable (HTTPClientResponse) -> Bool = { _ in true }
    ) throws(BenchmarkFailure) -> Duration? {
        try LoopRun.value { loop in
            let began = loop.preciseNow
            let connection = HTTPClientConnection(on: loop, sockets: EpollSockets(on: loop), host: "127.0.0.1", port: port)
            defer { connection.close() }
            while loop.preciseNow < began + limit, goOn() {
                if let answer = try? await connection.fetch(request, until: loop.preciseNow + answerLimit), answer.status == 200,
                    isRight(answer)
                {
                    return began.duration(to: loop.preciseNow)
                }
                await loop.sleep(for: pause)
            }
            return nil
        }
    }
}
