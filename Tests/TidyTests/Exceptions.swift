/// Places that may break a rule, each with its reason. One that is no longer needed fails the tests.
struct RuleException: Sendable {
    let rule: String
    let path: String
    let reason: String

    static let all: [RuleException] = [
        RuleException(
            rule: "no shared objects", path: "Sources/io/EventLoop/LoopActor.swift",
            reason: "a global actor is one per process by the language; its executor only dispatches"),
        RuleException(
            rule: "no fatalError", path: "Sources/io/Transport/Nng/NngAio.swift",
            reason: "no memory for a few hundred bytes of nng's: no caller could go on"),
        RuleException(
            rule: "no fatalError", path: "Sources/io/WireProtocol/Compression.swift",
            reason: "no memory for zstd's contexts: no caller could go on"),
        RuleException(
            rule: "no sleeping", path: "Tests/EventLoopTests/LoopTests.swift",
            reason: "the loop on real threads: it is held up on purpose, and other threads wait for what it did, bounded"),
    ]
}
