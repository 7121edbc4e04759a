import Engines

/// How an operator says in which ways KV state is given and taken.
enum HandOverChoice: String, CaseIterable, Sendable {
    case both, concurrent, sequential, none

    /// Nil: in none.
    var paths: HandOverPaths? { HandOverPaths(rawValue: rawValue) }
}
