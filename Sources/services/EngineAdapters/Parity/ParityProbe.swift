package import ClusterModel
package import EventLoop

/// How an engine itself renders and encodes a conversation.
@LoopActor
package protocol ParityProbe: AnyObject, Sendable {
    /// The prompt's tokens; nil: this engine cannot tell, for this conversation or for any. A problem is one with the server.
    func tokens(of chat: ParityChat, from server: EngineServer) async throws(ServerProblem) -> [TokenID]?
}
