import ClusterModel
@testable import EngineAdapters
import Engines

extension FuzzTarget {
    /// A value of MessagePack: it is passed over exactly if it can be read by its parts, and both end at the same place.
    static let msgpack = FuzzTarget(name: "msgpack", longest: 512) { bytes in
        var skipping = MessagePackReader(bytes.bytes), reading = MessagePackReader(bytes.bytes)
        var end: Int?, isRead = false
        do throws(MessagePackError) {
            try skipping.skip()
            end = skipping.offset
        } catch {}
        do throws(MessagePackError) {
            try readByParts(&reading)
            isRead = true
        } catch {}
        demand(isRead == (end != nil), "a value can be read (\(isRead)), and passed over up to \(end ?? -1)")
        demand(!isRead || reading.offset == end, "read to \(reading.offset), passed over to \(end ?? -1)")
        demand(end ?? 0 <= bytes.count, "a value ends behind the bytes")
    }

    private static func readByParts(_ reader: inout MessagePackReader) throws(MessagePackError) {
        var toCome = 1
        while toCome > 0 {
            toCome -= 1
            switch try reader.nextKind() {
            case .null:
                let isNull = try reader.isNull()
                demand(isNull, "null that is not")
            case .integer: _ = try reader.integerBits()
            case .float: _ = try reader.float()
            case .text: _ = try reader.text(atMost: .max)
            case .binary: _ = try reader.binary(atMost: .max)
            case .array: toCome += try reader.array(atMost: .max)
            case .map: toCome += 2 * (try reader.map(atMost: .max))
            case .boolean, .extension: try reader.skip()
            }
        }
    }

    /// Batches of an engine, each behind its length: whatever they say, what is told of the cache contradicts nothing.
    static let kvEvents = FuzzTarget(name: "kv-events", longest: 2_048) { bytes in
        var cache = ForeignCache(rank: Rank(0), blockSize: 2, blockLimit: 64), salts = EngineSalts(limit: 4), told = Told()
        if let salt = CacheSalt(bytes: [UInt8](repeating: 1, count: 16)) { salts.remember(salt, sentAs: "s") }
        var rest = bytes[...]
        while let length = rest.first {
            let payload = UnsafeRawBufferPointer(rebasing: rest.dropFirst().prefix(Int(length) * 8))
            rest = rest.dropFirst(1 + payload.count)
            var mayHaveLost = false
            do throws(EngineEventError) {
                _ = try EngineEventReader.read(payload.bytes) { if cache.apply($0, salts: &salts) { mayHaveLost = true } }
            } catch { mayHaveLost = true }
            if mayHaveLost { cache.clear() }
            demand(cache.count <= 64, "more blocks are followed than may be")
            var output = StepOutput()
            cache.moveChanges(to: &output)
            told.take(output)
            demand(mayHaveLost ? told.blocks.isEmpty : true, "something is believed after a loss")
            _ = try? EngineLoadStat(reading: payload.bytes)
        }
    }

    private struct Told {
        var blocks: [EngineTier: Set<SequenceHash>] = [:]

        mutating func take(_ output: StepOutput) {
            for change in output.cache {
                let hashes = output.hashes[Int(change.first)..<Int(change.first + change.count)]
                switch change.kind {
                case .cleared: blocks = [:]
                case .stored:
                    for hash in hashes {
                        let (isNew, _) = blocks[change.tier, default: []].insert(hash)
                        demand(isNew, "a block is stored twice")
                    }
                case .removed:
                    for hash in hashes {
                        let known = blocks[change.tier]?.remove(hash)
                        demand(known != nil, "a block is removed that is not there")
                    }
                }
                if blocks[change.tier]?.isEmpty ?? false { blocks[change.tier] = nil }
            }
        }
    }

    /// The bytes of a ZeroMQ peer: in one piece, and in pieces whose sizes the input chooses, they are the same messages, answers and end.
    static let zmtp = FuzzTarget(name: "zmtp", longest: 1_024) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        let role = first & 1 == 0 ? ZMTPSession.Role.dealer : .subscriber(topic: [0x6B])
        let whole = heard(stream, role, piece: max(stream.count, 1)), cut = heard(stream, role, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the stream reads differently")
    }

    private struct Heard: Equatable {
        var events: [ZMTPSession.Event] = []
        var output: [UInt8] = []
        var error: ZMTPError?
    }

    private static func heard(_ stream: UnsafeRawBufferPointer, _ role: ZMTPSession.Role, piece: Int) -> Heard {
        var session = ZMTPSession(role), heard = Heard(), events: [ZMTPSession.Event] = [], offset = 0
        while offset < stream.count, heard.error == nil {
            // Memory of its own, so that reading past what has arrived is seen by the sanitizer.
            let input = Array(stream[offset..<min(offset + piece, stream.count)])
            offset += input.count
            let error: ZMTPError? = input.withUnsafeBytes { input in
                do throws(ZMTPError) {
                    try session.received(input, output: &heard.output) { events.append($0) }
                    return nil
                } catch { return error }
            }
            heard.error = error
        }
        heard.events = events
        return heard
    }
}
