import WireProtocol

/// What a leg's worker said of it, as far as the request depends on it: each thing at most once, for a worker may send as many as it likes.
///
/// As a rule it is that tokens came, and it is looked at for each batch of them: what a worker says once stands elsewhere, so that this is small.
struct LegNews {
    /// What is said once in the life of a leg, and is large.
    enum Word {
        /// What was asked for, where that is no tokens.
        case embedding([UInt8])
        case refusal(RefusedStatus)
        case end(EndedStatus)
    }

    var isAccepted = false
    /// Tokens of it came; a frame may have none.
    var hasTokens = false
    /// The link to the worker ended.
    var loss: WorkerLoss?
    /// What the worker found cached when it started.
    var cachedTokens: UInt32?
    /// What the worker says of its own time. Nobody waits for that: it comes along with what follows.
    var times = LegTimes()
    /// Of each kind one.
    private var words: [Word] = []
    var saidCount: Int { words.count }

    /// In place of what was said of that kind before.
    mutating func say(_ word: Word) {
        if let place = words.firstIndex(where: { $0.isLike(word) }) { words[place] = word } else { words.append(word) }
    }

    var embedding: [UInt8]? { first { if case .embedding(let vector) = $0 { vector } else { nil } } }
    var refusal: RefusedStatus? { first { if case .refusal(let refusal) = $0 { refusal } else { nil } } }
    var ended: EndedStatus? { first { if case .end(let ended) = $0 { ended } else { nil } } }

    private func first<Value>(_ value: (Word) -> Value?) -> Value? {
        for word in words { if let value = value(word) { return value } }
        return nil
    }

    /// Frames are seen by their runs, and times are not waited for.
    var isEmpty: Bool { !isAccepted && cachedTokens == nil && loss == nil && words.isEmpty }
    /// Nothing more is said of it.
    var isLast: Bool { loss != nil || words.contains(where: \.isLast) }
}

extension LegNews.Word {
    fileprivate var isLast: Bool {
        switch self {
        case .refusal, .end: true
        case .embedding: false
        }
    }

    fileprivate func isLike(_ other: Self) -> Bool {
        switch (self, other) {
        case (.embedding, .embedding), (.refusal, .refusal), (.end, .end): true
        default: false
        }
    }
}
