/// Bounds of a frontend that are defaults of its options, each with its reason. Those of its HTTP server: `HTTPLimits`.
package struct FrontendLimits: Sendable {
    /// Plan to *accepted*, an attempt: workers answer at once.
    package var dispatch = Duration.seconds(2)
    /// A request may be parked at routers this long until a worker has accepted it: few clients wait longer for a first byte.
    package var queue = Duration.seconds(60)
    /// Without any router, requests wait this long for one to come back: a restart takes a second.
    package var routerReturn = Duration.seconds(10)
    /// So long the two workers of a split request wait for each other: a decode worker that is full may free blocks meanwhile.
    package var rendezvous = Duration.seconds(10)
    /// Accepted to the first token: the longest prompts on a busy worker.
    package var firstToken = Duration.seconds(120)
    /// Between two tokens: an engine that is silent for so long has lost the request.
    package var silence = Duration.seconds(30)
    /// From the request's arrival to its end, whatever happens: no client waits longer.
    package var total = Duration.seconds(1_800)
    /// A comment is written on a stream that was silent for this long: balancers cut idle connections at 30 s, some clients at 20.
    package var keepalive = Duration.seconds(10)
    /// Attempts of one request.
    package var attempts = 3
    /// Of further attempts, over all requests of a model.
    var retries = RetryLimits()
    /// Of workers that fail all they are given.
    var breaker = BreakerLimits()
    /// Requests running at once; each holds its prompt and some buffers. More are refused with 503.
    package var requests = 16_384
    /// Inputs of one request for embeddings that run at once; the others wait here, so that a large batch leaves room for its neighbours.
    package var inputsAtOnce = 32
    /// Numbers that one request for embeddings may have in its answer: some 24 MB of text.
    package var embeddingNumbers = 2 << 20
    /// Bodies up to this size are read and tokenized on the loop: a hop to the pool costs more than they do.
    package var inlineBodyBytes = 16 << 10

    /// Of each model's latest prompts, so that a chat that grows is not encoded anew: some thousand chats of 16 kB.
    package var promptMemoryBytes = 64 << 20

    /// Next turns that are computed ahead at once; the rest are dropped. Each holds a prompt here, and a little of a worker's time.
    package var speculativePrefills = 8

    /// What clients called their last requests: a label is looked up soon after its request or never. Tenants share them evenly.
    package var keptLabels = 4_096

    package init() {}

    /// What holds for a next turn that is computed ahead: one attempt, now or never. A worker that has not begun it in a second is busy, and in
    /// ten seconds the user has gone on.
    var speculative: FrontendLimits {
        var limits = self
        limits.queue = .milliseconds(1)
        limits.routerReturn = .zero
        limits.firstToken = min(firstToken, .seconds(10))
        limits.total = .seconds(10)
        limits.attempts = 1
        return limits
    }

    /// Names of unknown members that are told in a process' life: real clients have some dozens between them, hostile ones any number.
    static let unknownNames = 256

    /// A router answers by the time that a request may be parked, or is lost, which its heartbeats show within two seconds. Whatever comes
    /// later than that never comes.
    static let planMargin = Duration.seconds(3)
}
