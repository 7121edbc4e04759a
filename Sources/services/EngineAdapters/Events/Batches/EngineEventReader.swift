/// Reads a batch of events: what one step of an engine did to its cache.
///
/// A batch is `[time, events, rank]`, and of one revision a map of these. An event is a map with its `type` as of 2026, and an array that begins
/// with it before. What is left out has its default; what is not known is passed over, keys, elements and whole events.
package enum EngineEventReader {
    static let storedType = "BlockStored"
    static let removedType = "BlockRemoved"
    static let clearedType = "AllBlocksCleared"

    /// What a batch says of itself.
    package struct Head: Hashable, Sendable {
        /// Seconds since 1970 by the engine's clock.
        package var time = 0.0
        package var rank: Int64?

        package init() {}
    }

    /// Tells `take` of each event, in order. Throws where the batch as a whole cannot be read; events before that place were told.
    package static func read(_ payload: RawSpan, _ take: (EngineCacheEvent) -> Void) throws(EngineEventError) -> Head {
        var reader = MessagePackReader(payload), head = Head(), hasEvents = false
        let isMap = try named("batch", &reader) { (reader) throws(MessagePackError) in try reader.nextKind() == .map }
        let count = try named("batch", &reader) { (reader) throws(MessagePackError) in
            let limit = EngineEventLimits.fieldsPerEvent
            return try isMap ? reader.map(atMost: limit) : reader.array(atMost: limit)
        }
        for index in 0..<count {
            switch isMap ? try key(&reader) : (index < places.count ? places[index] : "") {
            case "ts": head.time = try named("ts", &reader) { (reader) throws(MessagePackError) in try reader.float() }
            case "events":
                try events(&reader, take)
                hasEvents = true
            case "data_parallel_rank", "attn_dp_rank":
                head.rank = try named("data_parallel_rank", &reader) { (reader) throws(MessagePackError) in
                    try reader.isNull() ? nil : reader.integer()
                }
            default: try named("batch", &reader) { (reader) throws(MessagePackError) in try reader.skip() }
            }
        }
        guard hasEvents else { throw EngineEventError("events") }
        return head
    }

    private static let places = ["ts", "events", "data_parallel_rank"]

    private static func key(_ reader: inout MessagePackReader) throws(EngineEventError) -> String {
        try named("key", &reader) { (reader) throws(MessagePackError) in try reader.text(atMost: EngineEventLimits.textBytes) }
    }

    private static func named<Value>(
        _ field: String, _ reader: inout MessagePackReader, _ read: (inout MessagePackReader) throws(MessagePackError) -> Value
    ) throws(EngineEventError) -> Value {
        do throws(MessagePackError) { return try read(&reader) } catch { throw EngineEventError(field, error) }
    }

    private static func events(_ reader: inout MessagePackReader, _ take: (EngineCacheEvent) -> Void) throws(EngineEventError) {
        let count = try named("events", &reader) { (reader) throws(MessagePackError) in
            try reader.array(atMost: EngineEventLimits.eventsPerBatch)
        }
        for _ in 0..<count {
            // Where it ends is known before it is read: one that cannot be read spoils none of the others.
            let end = try named("events", &reader) { (reader) throws(MessagePackError) in try reader.endOfNext() }
            take(event(&reader))
            reader.goOn(at: end)
        }
    }

    private static func event(_ reader: inout MessagePackReader) -> EngineCacheEvent {
        var fields = EngineEventFields(), type: String?
        do throws(EngineEventError) {
            let kind = try named("event", &reader) { (reader) throws(MessagePackError) in try reader.nextKind() }
            if kind == .map { try readMap(&reader, &fields, &type) } else { try readArray(&reader, &fields, &type) }
            return try fields.event(ofType: type)
        } catch {
            return .unreadable(error, mayRemove: type != storedType)
        }
    }

    private static func readMap(
        _ reader: inout MessagePackReader, _ fields: inout EngineEventFields, _ type: inout String?
    ) throws(EngineEventError) {
        let count = try named("event", &reader) { (reader) throws(MessagePackError) in
            try reader.map(atMost: EngineEventLimits.fieldsPerEvent)
        }
        for _ in 0..<count {
            let name = try key(&reader)
            if name == "type" {
                type = try named("type", &reader) { (reader) throws(MessagePackError) in
                    try reader.text(atMost: EngineEventLimits.textBytes)
                }
            } else if let field = EngineEventFields.Field(rawValue: name), isOfUse(type) {
                try fields.read(field, from: &reader)
            } else {
                try named(name, &reader) { (reader) throws(MessagePackError) in try reader.skip() }
            }
        }
    }

    private static func readArray(
        _ reader: inout MessagePackReader, _ fields: inout EngineEventFields, _ type: inout String?
    ) throws(EngineEventError) {
        let count = try named("event", &reader) { (reader) throws(MessagePackError) in
            try reader.array(atMost: EngineEventLimits.fieldsPerEvent)
        }
        guard count > 0 else { throw EngineEventError("type") }
        type = try named("type", &reader) { (reader) throws(MessagePackError) in try reader.text(atMost: EngineEventLimits.textBytes) }
        let places = type == storedType ? EngineEventFields.placesOfStored : type == removedType ? EngineEventFields.placesOfRemoved : []
        for field in places.prefix(count - 1) { try fields.read(field, from: &reader) }
    }

    /// An event of a type that is not known may use our names for something else.
    private static func isOfUse(_ type: String?) -> Bool { type == nil || type == storedType || type == removedType }
}
