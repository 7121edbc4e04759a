/// How a client wants its answer; what the model does with it is not touched.
package struct Delivery: Hashable, Sendable {
    package var isStreamed = false
    package var usage = UsageReporting.none
    /// The prompt stands before each answer (text completions only).
    package var echoesPrompt = false
    /// What the model thinks is not shown.
    package var hidesReasoning = false

    package init() {}
}

/// Where a stream tells usage. Replies of one body always do.
package enum UsageReporting: Hashable, Sendable {
    case none
    /// In a chunk of its own at the end.
    case atEnd
    /// In each chunk, and at the end.
    case continuous
}
