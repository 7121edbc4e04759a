/// A load as it is to be offered: which requests, and when each is due.
package struct Workload: Sendable {
    /// By the moment they are due.
    package var requests: [PlannedRequest]
    /// What one id of `PlannedRequest.blocks` stands for; 0: no request has any.
    package var blockTokens: UInt32
    /// Where it comes from, for reports.
    package var source: String

    package init(requests: [PlannedRequest], blockTokens: UInt32, source: String) {
        self.requests = requests
        self.blockTokens = blockTokens
        self.source = source
    }
}

/// One request of a load. No text: what prompts have in common is said by ids of their leading blocks.
package struct PlannedRequest: Hashable, Sendable {
    /// From the begin of the run.
    package var due: Duration
    package var promptTokens: UInt32
    package var outputTokens: UInt32
    /// Ids of the prompt's blocks, the last one perhaps not full: equal leading ids are equal leading tokens. Empty: it shares nothing with others.
    package var blocks: [UInt64] = []
    /// Requests of one session follow one another; a number of the load's.
    package var session: UInt64?
    /// A number of the load's.
    package var tenant: UInt32 = 0
    /// The client goes away so long after it has asked.
    package var patience: Duration?

    package init(due: Duration, promptTokens: UInt32, outputTokens: UInt32, blocks: [UInt64] = []) {
        self.due = due
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.blocks = blocks
    }
}
