package import Engines
package import EventLoop
package import HTTPClient

/// How one kind of server is spoken to. Everything else of an engine that is a server is `ServerEngine`.
@LoopActor
package protocol ServerDialect: AnyObject, Sendable {
    /// As options and logs name it.
    nonisolated var name: String { get }

    /// Any answer of 200 there says that it is well.
    var healthTarget: String { get }

    /// Asks the server what it is, and learns what its questions depend on. A server that loads says so by a problem, and is asked again after
    /// a pause; a `ServerMismatch` is final.
    func learn(from server: EngineServer) async throws(ServerMismatch) -> Result<EngineProfile, ServerProblem>

    /// What to ask for one choice of a request. `id` is unique among all that this process asks, and of letters, digits and dashes.
    func question(for choice: EngineChoice, of request: EngineRequest, id: String) throws(ServerProblem) -> ServerQuestion

    /// What to say, beside ending the connection, so that the server drops a request; nil: the end of the connection says it.
    func abort(id: String) -> HTTPClientRequest?

    /// Where the events of the server's cache can be had, one a rank, as it said when it was last learned or as options say; none: nobody knows
    /// what it holds.
    var feeds: [EngineEventFeed] { get }

    /// Asks how it renders conversations; nil: it does not tell.
    var parityProbe: (any ParityProbe)? { get }

    /// The server's own figures, by rank; nil for what it does not tell. Asked now and then.
    func figures(from server: EngineServer) async -> [RankFigures?]
}

extension ServerDialect {
    package var parityProbe: (any ParityProbe)? { nil }
    package func abort(id: String) -> HTTPClientRequest? { nil }
    package func figures(from server: EngineServer) async -> [RankFigures?] { [] }
}

/// The server is there, and is not what this worker was told: asking again changes nothing. Says what to do.
package struct ServerMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// One question that makes tokens.
package struct ServerQuestion: Sendable {
    package var request: HTTPClientRequest
    package var reader: any AnswerReader
    /// The server may say that a text has ended after its last token was told: each token waits for what follows it, since an end is told
    /// with the last token.
    package var holdsLastToken = false
    /// What was found in the cache is told behind the last token, which waits for it: an answer's counts are known when it ends, or never.
    package var countsFollow = false
    /// The server has to see it, even if it is cancelled at once: it holds the key to memory elsewhere.
    package var mustArrive = false
    /// What a decode leg elsewhere starts with, where both servers have to be asked before either begins: it is handed over as soon as the
    /// server has taken the question, whose answer is left to itself.
    package var meeting: [UInt8]?
    /// Of one event of the answer.
    package var mostEventBytes = ServerLimits.eventBytes

    package init(_ request: HTTPClientRequest, _ reader: any AnswerReader) {
        self.request = request
        self.reader = reader
    }
}

/// A rank as its server sees it: requests of others than this worker among them.
package struct RankFigures: Hashable, Sendable {
    package var runningRequests: UInt32 = 0
    package var waitingRequests: UInt32 = 0
    /// Of its blocks, those that requests hold: from 0 to 1.
    package var blocksInUse = 0.0

    package init() {}
}
