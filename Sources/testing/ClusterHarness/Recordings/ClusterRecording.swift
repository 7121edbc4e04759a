import ClusterModel
import Transport
package import WireProtocol

/// What the programs of a whole cluster said to one another, as a file: `Tests/Fixtures/peers/README.md`.
package struct ClusterRecording: Hashable, Sendable {
    package var conversations: [RecordedConversation]

    package init(_ conversations: [RecordedConversation]) { self.conversations = conversations }

    package struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private static let magic = Array("APUSPEER".utf8)

    // MARK: Bytes

    /// Little-endian: a magic; of each conversation dialer, address and whether it is a feed, and its entries; packed as a message's body is.
    package var bytes: [UInt8] {
        var whole: [UInt8] = []
        let start = Codec.beginMessage(MessageHeader(rawKind: 0), in: &whole)
        whole += Self.magic
        for conversation in conversations {
            Self.append(Array(conversation.dialer.utf8), to: &whole)
            Self.append(Array(conversation.address.description.utf8), to: &whole)
            whole.append(conversation.isFeed ? 1 : 0)
            whole.appendLittleEndian(UInt32(conversation.entries.count))
            for entry in conversation.entries {
                whole.appendLittleEndian(UInt64(entry.at.inNanoseconds))
                whole.append(entry.isDialers ? 1 : 0)
                Self.append(entry.message, to: &whole)
            }
        }
        Codec.patchBodyLength(of: start, in: &whole)
        Compression().compress(messageAt: start, in: &whole)
        return whole
    }

    private static func append(_ part: [UInt8], to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(UInt32(part.count))
        bytes += part
    }

    package init(reading bytes: [UInt8]) throws {
        let header = try MessageHeader(reading: bytes.span.bytes)
        guard let body = LaterSpeaker.plainBody(bytes, header), body.starts(with: Self.magic) else {
            throw Malformed(description: "this is no recording")
        }
        var reader = Reader(bytes: body[Self.magic.count...])
        conversations = []
        while !reader.bytes.isEmpty {
            let dialer = try reader.text(), address = try Address(parsing: try reader.text())
            var conversation = RecordedConversation(dialer: dialer, address: address, isFeed: try reader.number(UInt8.self) == 1)
            for _ in 0..<(try reader.number(UInt32.self)) {
                let at = Duration.nanoseconds(Int64(clamping: try reader.number(UInt64.self)))
                let isDialers = try reader.number(UInt8.self) == 1
                conversation.entries.append(.init(at: at, isDialers: isDialers, message: try reader.part()))
            }
            conversations.append(conversation)
        }
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func number<T: FixedWidthInteger>(_ type: T.Type) throws(Malformed) -> T {
            let size = MemoryLayout<T>.size
            return try take(size).reversed().reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
        }

        mutating func part() throws(Malformed) -> [UInt8] { Array(try take(Int(try number(UInt32.self)))) }
        mutating func text() throws(Malformed) -> String { String(decoding: try part(), as: UTF8.self) }

        private mutating func take(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
            guard count <= bytes.count else { throw Malformed(description: "the recording ends amid a conversation") }
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count)
        }
    }

    /// As if the layout of a kind had had one byte more in front: what a change that must not be made comes to.
    package func broken(_ kind: MessageKind) -> ClusterRecording {
        var broken = self
        for place in broken.conversations.indices {
            for index in broken.conversations[place].entries.indices {
                let entry = broken.conversations[place].entries[index]
                guard let header = entry.header, header.kind == kind, let body = LaterSpeaker.plainBody(entry.message, header) else {
                    continue
                }
                var message: [UInt8] = []
                let start = Codec.beginMessage(
                    MessageHeader(
                        kind: kind, flags: header.flags.subtracting(.compressed), origin: header.origin, number: header.number,
                        version: header.version), in: &message)
                message += [0x81] + body
                Codec.patchBodyLength(of: start, in: &message)
                broken.conversations[place].entries[index].message = message
            }
        }
        return broken
    }

    // MARK: For people

    /// A line a conversation: who, when, and how many messages of each kind went which way.
    package var index: String {
        conversations.map { conversation in
            func told(_ isDialers: Bool) -> String {
                var counts: [String: Int] = [:]
                for entry in conversation.entries where entry.isDialers == isDialers {
                    counts[entry.kind.map { "\($0)" } ?? "unknown", default: 0] += 1
                }
                return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            }
            let back = told(false)
            return "\(conversation.name): \(told(true))" + (back.isEmpty ? "" : "; back: \(back)") + "\n"
        }.joined()
    }
}
