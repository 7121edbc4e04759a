import ClusterModel

/// The special tokens around a text that no template wrote.
struct PostProcessor: Sendable {
    var before: [TokenID] = []
    var behind: [TokenID] = []
}
