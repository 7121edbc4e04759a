import WireProtocol

/// What clients of the whole cluster get, as its frontends say it, second by second.
struct TrafficMeter {
    /// One second of the charts. Nil: nothing was measured.
    struct Point {
        var second: Int64 = 0
        var tokensPerSecond: Double?
        var requestsPerSecond: Double?
        var running: UInt64?
        var queued: UInt64?
        var shedsPerSecond = 0.0
        var failuresPerSecond = 0.0
        var firstToken: [Double?] = [nil, nil, nil]
        var betweenTokens: [Double?] = [nil, nil, nil]
        var achieved: Double?
        var reachable: Double?
    }

    private(set) var firstToken = DecayingHistogram(decay: Self.decay)
    private(set) var betweenTokens = DecayingHistogram(decay: Self.decay)
    private(set) var cache = CacheRates()
    /// Of about the last minute, for warnings.
    private(set) var shed = DecayingShare(decay: Self.minute)
    private(set) var failed = DecayingShare(decay: Self.minute)
    private var ended = 0
    private var sheds = 0
    private var failures = 0

    /// A second's weight after five seconds is a third.
    private static let decay: Float = 0.8
    private static let minute = 0.985
    static let percentiles = [0.5, 0.9, 0.99]

    /// - Parameter blockSize: of its model, in tokens.
    mutating func ended(_ slice: RequestSlice, blockSize: UInt32) {
        ended += 1
        let isShed = slice.isShed, isFailure = slice.status >= 500 && !isShed
        if isShed { sheds += 1 }
        if isFailure { failures += 1 }
        shed.add(isShed ? 1 : 0, of: 1)
        failed.add(isFailure ? 1 : 0, of: 1)
        guard slice.outputTokens > 0 else { return }
        firstToken.add(microseconds: slice.durations.firstTokenMicroseconds)
        cache.found(slice.cachedTokens, of: slice.promptTokens, blockSize: blockSize)
        let gaps = UInt64(slice.outputTokens) - 1
        if gaps > 0 { betweenTokens.add(microseconds: slice.durations.decodeMicroseconds / gaps, times: Int(gaps)) }
    }

    mutating func placed(_ slice: RouteSlice) { cache.reachable.add(UInt64(slice.reachableBlocks), of: UInt64(slice.promptBlocks)) }

    /// The second that has passed. What frontends total is put in by whoever knows it.
    mutating func takePoint(second: Int64, seconds: Double) -> Point {
        var point = Point()
        point.second = second
        point.shedsPerSecond = Double(sheds) / seconds
        point.failuresPerSecond = Double(failures) / seconds
        point.firstToken = Self.percentiles.map { firstToken.percentile($0) }
        point.betweenTokens = Self.percentiles.map { betweenTokens.percentile($0) }
        point.achieved = cache.achieved.share
        point.reachable = cache.reachable.share
        ended = 0
        sheds = 0
        failures = 0
        firstToken.beat()
        betweenTokens.beat()
        cache.beat()
        shed.beat()
        failed.beat()
        return point
    }
}

extension RequestSlice {
    /// It was turned away for want of room or of the tenant's right to it.
    var isShed: Bool { status == 429 || status == 503 }
}
