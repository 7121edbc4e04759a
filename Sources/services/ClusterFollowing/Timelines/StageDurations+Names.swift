package import WireProtocol

extension StageDurations {
    /// By their names, in the order of a request's life.
    package var named: [(name: String, microseconds: UInt64)] {
        [
            ("tokenize", tokenizeMicroseconds), ("route", routeMicroseconds), ("queue", queueMicroseconds),
            ("dispatch", dispatchMicroseconds), ("worker_wait", workerWaitMicroseconds), ("prefill", prefillMicroseconds),
            ("transfer", transferMicroseconds), ("decode", decodeMicroseconds), ("detokenize", detokenizeMicroseconds),
            ("write", writeMicroseconds), ("first_token", firstTokenMicroseconds), ("total", totalMicroseconds),
        ]
    }
}
