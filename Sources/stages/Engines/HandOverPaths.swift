/// The ways in which an engine gives KV state away, and takes that of others.
package enum HandOverPaths: String, CaseIterable, Hashable, Sendable {
    case both, concurrent, sequential

    /// State that can leave while it is computed can leave a request that was running, too.
    package var capabilities: EngineCapabilities {
        switch self {
        case .both: [.concurrentHandOver, .sequentialHandOver, .moves]
        case .concurrent: [.concurrentHandOver, .moves]
        case .sequential: .sequentialHandOver
        }
    }
}
