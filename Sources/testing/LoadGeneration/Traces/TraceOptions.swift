/// Which part of a trace is offered, and how fast.
package struct TraceOptions: Hashable, Sendable {
    /// The first so many requests of the window; nil: all.
    package var requests: Int?
    /// From so long after the trace's first request, up to before so long after it; the run begins with the window. Nil: all of it.
    package var window: Range<Duration>?
    /// 2: twice as fast, so that an hour of trace is half an hour of run.
    package var speed = 1.0
    /// Stamps are coarse: Mooncake's are 3 s apart, with up to 28 requests at each. True: the requests of one stamp are spread evenly up to the next one,
    /// or over the stamps' usual step where nothing follows for longer. False: they come at once.
    package var spreadsStamps = true
    /// Tokens of one id in `hash_ids`; nil: the format's own. For files in Mooncake's format that were made from other traces.
    package var blockTokens: UInt32?

    package static let speeds = 0.001...1_000.0
    package static let blockSizes = 1...65_536

    package init() {}
}
