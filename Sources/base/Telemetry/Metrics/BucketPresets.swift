/// Ranges that operators may change; dashboards know their bounds, so the defaults stay as they are.
extension BucketRange {
    package static let timeToFirstTokenSeconds = BucketRange(from: 0.001, to: 480, count: 18)
    package static let interTokenLatencySeconds = BucketRange(from: 0.001, to: 2, count: 13)
    package static let inputTokens = BucketRange(from: 50, to: 128_000, count: 12)
    package static let outputTokens = BucketRange(from: 50, to: 32_000, count: 10)
    package static let requestDurationSeconds = BucketRange(from: 1, to: 512, count: 10)
    package static let cacheTransferSeconds = BucketRange(from: 0.001, to: 10, count: 15)
}

/// Bounds that nobody configures.
extension Buckets {
    package static let cacheHitRate = linear(from: 0, step: 0.05, count: 21)
    package static let tokenizerMilliseconds: [Double] = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    /// Router overhead, all phases on one scale.
    package static let routingOverheadMilliseconds = doubling(from: 0.0001, count: 18)
    /// Router overhead on two scales: hashing is short, ...
    package static let hashingOverheadMilliseconds = doubling(from: 0.001, count: 15)
    /// ... search, selection and the whole may be long.
    package static let selectionOverheadMilliseconds = tripling(from: 0.01, count: 17)
    package static let queueSeconds: [Double] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]
    package static let stageSeconds: [Double] = queueSeconds + [2.5, 5]
}
