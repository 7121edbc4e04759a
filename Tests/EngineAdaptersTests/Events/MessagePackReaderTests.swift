import ClusterModel
@testable import EngineAdapters
import TestSupport
import Testing

@Suite("MessagePack from strangers")
struct MessagePackReaderTests {
    private func read<Value>(_ hex: String, _ body: (inout MessagePackReader) throws -> Value) throws -> Value {
        let bytes = try #require(Hex.bytes(hex))
        var reader = MessagePackReader(bytes.span.bytes)
        let value = try body(&reader)
        let left = bytes.count - reader.offset
        #expect(left == 0, "\(hex)")
        return value
    }

    @Test(
        "whole numbers of every width",
        arguments: [
            ("00", 0), ("7f", 127), ("ff", -1), ("e0", -32), ("cc80", 128), ("cd0100", 256), ("ce00010000", 65_536),
            ("cf0000000100000000", 1 << 32),
            ("d0ff", -1), ("d07f", 127), ("d18000", -32_768), ("d2ffffffff", -1), ("d38000000000000000", Int64.min),
            ("d37fffffffffffffff", Int64.max),
        ] as [(String, Int64)])
    func integers(hex: String, value: Int64) throws {
        #expect(try read(hex) { try $0.integer(Int64.self) } == value)
        #expect(try read(hex) { try $0.integerBits() } == UInt64(bitPattern: value))
        #expect(try read(hex) { try $0.float() } == Double(value))
        try read(hex) { reader in try reader.skip() }
    }

    @Test("a number that its field cannot hold is refused by its place")
    func range() throws {
        #expect(try read("cfffffffffffffffff") { try $0.integerBits() } == .max)
        #expect(throws: MessagePackError.outOfRange(at: 0)) { try read("cfffffffffffffffff") { try $0.integer(Int64.self) } }
        #expect(throws: MessagePackError.outOfRange(at: 0)) { try read("ff") { try $0.integer(UInt32.self) } }
        #expect(throws: MessagePackError.outOfRange(at: 0)) { try read("ce00010000") { try $0.integer(UInt16.self) } }
    }

    @Test("other values, in each of their forms")
    func others() throws {
        #expect(try read("ca3fc00000") { try $0.float() } == 1.5)
        #expect(try read("cb3ff8000000000000") { try $0.float() } == 1.5)
        for hex in ["a26869", "d9026869", "da00026869", "db000000026869"] { #expect(try read(hex) { try $0.text(atMost: 2) } == "hi") }
        for hex in ["c4020102", "c500020102", "c6000000020102"] { #expect(try read(hex) { try $0.binary(atMost: 2) } == [1, 2]) }
        for hex in ["92c0c3", "dc0002c0c3", "dd00000002c0c3"] {
            try read(hex) { reader in
                let (count, first, second) = (try reader.array(atMost: 2), try reader.isNull(), try reader.isNull())
                #expect(count == 2 && first && !second)
                try reader.skip()
            }
        }
        for hex in ["81a16101", "de0001a16101", "df00000001a16101"] {
            #expect(
                try read(hex) { reader in (try reader.map(atMost: 1), try reader.text(atMost: 1), try reader.integer(Int.self)) } == (
                    1, "a", 1
                ))
        }
        for hex in [
            "d405ff", "d5050102", "d60501020304", "c70305010203", "c8000305010203", "c90000000305010203",
            "d805000102030405060708090a0b0c0d0e0f",
        ] {
            try read(hex) { reader in
                let kind = try reader.nextKind()
                #expect(kind == .extension)
                try reader.skip()
            }
        }
    }

    @Test("of another type, too long, or cut short: an error that says where")
    func errors() throws {
        #expect(throws: MessagePackError.wrongType(wanted: .text, at: 0)) { try read("01") { try $0.text(atMost: 9) } }
        #expect(throws: MessagePackError.wrongType(wanted: .array, at: 0)) { try read("80") { try $0.array(atMost: 9) } }
        #expect(throws: MessagePackError.tooLong(limit: 1, at: 0)) { try read("a26869") { try $0.text(atMost: 1) } }
        #expect(throws: MessagePackError.tooLong(limit: 1, at: 0)) { try read("92c0c0") { try $0.array(atMost: 1) } }
        #expect(throws: MessagePackError.reservedByte(at: 1)) { try read("91c1") { try $0.skip() } }
        // More elements than there can be bytes for are not believed, whatever the limit.
        for hex in [
            "ddffffffff00", "dfffffffff00", "dbffffffff00", "c6ffffffff00", "c9ffffffff00", "dd00000002c0", "df00000001c0", "d4", "d405",
        ] {
            #expect(throws: MessagePackError.self, "\(hex)") { try read(hex) { try $0.skip() } }
            #expect(throws: MessagePackError.self, "\(hex)") { try read(hex) { try $0.array(atMost: .max) } }
        }
    }

    @Test("nesting costs nothing, however deep")
    func depth() throws {
        let depth = 1 << 20
        let bytes = [UInt8](repeating: 0x91, count: depth) + [0xC0]
        var reader = MessagePackReader(bytes.span.bytes)
        try reader.skip()
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
        var cut = MessagePackReader(bytes.span.extracting(..<depth).bytes)
        do throws(MessagePackError) {
            try cut.skip()
            Issue.record("what is cut short was passed over")
        } catch { #expect(error == .truncated(at: depth)) }
    }
}
