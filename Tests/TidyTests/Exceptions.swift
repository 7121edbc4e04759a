/// Places that may break a rule, each with its reason. One that is no longer needed fails the tests.
struct RuleException: Sendable {
    let rule: String
    let path: String
    let reason: String

    static let all: [RuleException] = [
        RuleException(
            rule: "no shared objects", path: "Sources/io/EventLoop/LoopActor.swift",
            reason: "a global actor is one per process by the language; its executor only dispatches")
    ]
}
