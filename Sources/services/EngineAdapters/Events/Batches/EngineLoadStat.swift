/// What an engine says of its load, where it was asked to: `["LoadStat", …]` on the topic `load`. Later engines append to it.
package struct EngineLoadStat: Hashable, Sendable {
    package var runningRequests: UInt32
    package var waitingRequests: UInt32
    package var usedTokens: UInt64
    package var tokenCapacity: UInt64
    /// Prefill tokens that nothing is cached of; nil: an engine that does not say.
    package var waitingTokens: UInt64?

    private static let type = "LoadStat"
    /// Behind the type: running, waiting, tokens in the cache, room for tokens, rank.
    private static let fixedFields = 5

    package init(reading payload: RawSpan) throws(EngineEventError) {
        var reader = MessagePackReader(payload)
        do throws(MessagePackError) {
            let count = try reader.array(atMost: EngineEventLimits.fieldsPerEvent)
            guard count > Self.fixedFields, try reader.text(atMost: EngineEventLimits.textBytes) == Self.type else {
                throw .wrongType(wanted: .text, at: 0)
            }
            runningRequests = try reader.integer()
            waitingRequests = try reader.integer()
            usedTokens = try reader.integer()
            tokenCapacity = try reader.integer()
            try reader.skip()
            waitingTokens = nil
            var left = count - 1 - Self.fixedFields
            if left > 0 {
                waitingTokens = try reader.isNull() ? nil : reader.integer()
                left -= 1
            }
            for _ in 0..<left { try reader.skip() }
        } catch {
            throw EngineEventError(Self.type, error)
        }
    }
}
