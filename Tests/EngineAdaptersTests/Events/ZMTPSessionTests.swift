import ClusterModel
@testable import EngineAdapters
import EventLoop
import Testing

@Suite("ZMTP, as a subscriber and as a dealer")
struct ZMTPSessionTests {
    private struct Heard {
        var events: [ZMTPSession.Event] = []
        var output: [UInt8] = []
        var error: ZMTPError?
        var session: ZMTPSession
    }

    private static func greeting(major: UInt8 = 3, minor: UInt8 = 1, mechanism: String = "NULL") -> [UInt8] {
        var bytes = ZMTPSession.greeting
        bytes[10] = major
        bytes[11] = minor
        bytes.replaceSubrange(12..<32, with: [UInt8](repeating: 0, count: 20))
        bytes.replaceSubrange(12..<12 + mechanism.utf8.count, with: mechanism.utf8)
        return bytes
    }

    private func hear(_ bytes: [UInt8], as role: ZMTPSession.Role = .subscriber(topic: Array("kv".utf8)), piece: Int = .max) -> Heard {
        var heard = Heard(session: ZMTPSession(role)), rest = bytes[...]
        while !rest.isEmpty, heard.error == nil {
            let next = Array(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            var session = heard.session, output = heard.output, events: [ZMTPSession.Event] = []
            do throws(ZMTPError) {
                try receive(next, &session, &output) { events.append($0) }
            } catch { heard.error = error }
            (heard.session, heard.output) = (session, output)
            heard.events += events
        }
        return heard
    }

    private func receive(
        _ bytes: [UInt8], _ session: inout ZMTPSession, _ output: inout [UInt8], _ tell: (ZMTPSession.Event) -> Void
    ) throws(ZMTPError) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { room.deallocate() }
        room.copyBytes(from: bytes)
        try session.received(UnsafeRawBufferPointer(room), output: &output, tell)
    }

    private static func message(_ frames: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        ZMTPFrame.appendMessage(frames, to: &bytes)
        return bytes
    }

    private static func command(_ name: String, _ data: [UInt8] = []) -> [UInt8] {
        [4, UInt8(1 + name.utf8.count + data.count), UInt8(name.utf8.count)] + Array(name.utf8) + data
    }

    private static let opening = greeting() + ZMTPPeerDouble.ready("PUB")

    @Test("what we greet with is the protocol's greeting")
    func ownGreeting() {
        let expected: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 1] + Array("NULL".utf8) + [UInt8](repeating: 0, count: 48)
        #expect(ZMTPSession.greeting == expected)
    }

    @Test("the opening, a message and a heartbeat, in pieces of any size", arguments: [1, 2, 3, 7, 64, .max])
    func pieces(size: Int) {
        let long = [UInt8](repeating: 7, count: 300)
        let stream =
            Self.opening + Self.message([Array("kv".utf8), [], long]) + Self.command("PING", [0, 9, 1, 2]) + Self.command("LATER")
        let heard = hear(stream, piece: size)
        #expect(heard.error == nil && heard.events == [.ready, .message([Array("kv".utf8), [], long])])
        let ready: [UInt8] =
            [4, 38, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 3] + Array("SUB".utf8) + [8]
            + Array("Identity".utf8) + [0, 0, 0, 0]
        #expect(heard.output == ready + Self.command("SUBSCRIBE", Array("kv".utf8)) + Self.command("PONG", [1, 2]))
        #expect(heard.session.speaksCommands)
    }

    @Test("a peer of ZMTP 3.0 is asked for the topic by a message, and for no heartbeat")
    func older() {
        let heard = hear(Self.greeting(minor: 0) + ZMTPPeerDouble.ready("XPUB"))
        #expect(heard.events == [.ready] && !heard.session.speaksCommands)
        #expect(heard.output.suffix(5) == [0, 3, 1] + Array("kv".utf8))
    }

    @Test("a dealer speaks with routers, and asks for no topic")
    func dealer() {
        let heard = hear(Self.greeting() + ZMTPPeerDouble.ready("ROUTER") + Self.message([[], [1]]), as: .dealer)
        #expect(heard.error == nil && heard.events == [.ready, .message([[], [1]])])
        #expect(heard.output.count == 2 + 41)
        #expect(hear(Self.greeting() + ZMTPPeerDouble.ready("PUB"), as: .dealer).error == .socketType("PUB"))
    }

    @Test("peers that are none are named as what they are")
    func wrongPeers() {
        #expect(hear(Array("HTTP/1.1 400 Bad Request\r\n".utf8)).error == .notZMTP)
        #expect(hear([0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7E]).error == .notZMTP)
        #expect(hear(Array(Self.greeting(major: 1).prefix(11))).error == .oldVersion(1))
        #expect(hear(Self.greeting(mechanism: "CURVE")).error == .mechanism("CURVE"))
        #expect(hear(Self.greeting() + ZMTPPeerDouble.ready("PULL")).error == .socketType("PULL"))
        #expect(hear(Self.greeting() + Self.command("ERROR", [3] + Array("no\n".utf8))).error == .refused("no?"))
        #expect(hear(Self.greeting(major: 4, minor: 0) + ZMTPPeerDouble.ready("PUB")).events == [.ready])
    }

    @Test("what breaks the protocol ends the session")
    func malformed() {
        func problem(_ bytes: [UInt8]) -> ZMTPError? { hear(Self.opening + bytes).error }
        #expect(problem([8, 0]) == .malformed("unknown flags"))
        #expect(problem([5, 1, 0]) == .malformed("a command in parts"))
        #expect(problem([4, 0]) == .malformed("a command without a name"))
        #expect(problem([4, 2, 9, 65]) == .malformed("a command without a name"))
        #expect(problem([1, 0] + Self.command("PING", [0, 0])) == .malformed("a command within a message"))
        #expect(problem(Self.command("PING", [0])) == .malformed("a heartbeat without a time"))
        #expect(
            problem(Array(repeating: [1, 0] as [UInt8], count: EngineEventLimits.framesPerMessage + 1).flatMap { $0 })
                == .malformed("a message of too many frames"))
        #expect(hear(Self.greeting() + Self.message([[1]])).error == .malformed("a message before the opening is over"))
        #expect(
            hear(Self.greeting() + Self.command("PING", [0, 0])).error == .malformed("the opening begins with another command than READY"))
        #expect(hear(Self.greeting() + Self.command("READY", [11, 65])).error == .malformed("a property is cut short"))
        #expect(
            hear(Self.greeting() + Self.command("READY", [1, 65, 255, 255, 255, 255, 1])).error == .malformed("a property is cut short"))
        #expect(hear(Self.greeting() + Self.command("READY")).error == .socketType("of no type"))
    }

    @Test("a message too large is refused by its head, alone and in parts")
    func tooLarge() {
        let limit = EngineEventLimits.messageBytes
        func head(_ count: Int, more: UInt8 = 0) -> [UInt8] { [2 | more] + withUnsafeBytes(of: UInt64(count).bigEndian) { Array($0) } }
        #expect(hear(Self.opening + head(limit + 1)).error == .tooLarge(limit: limit))
        #expect(hear(Self.opening + [2] + [UInt8](repeating: 0xFF, count: 8)).error == .tooLarge(limit: limit))
        #expect(hear(Self.opening + head(limit)).error == nil)
        #expect(hear(Self.opening + [1, 2, 0, 0] + head(limit - 1)).error == .tooLarge(limit: limit - 2))
    }

    @Test("any bytes are read the same in any pieces, and trap nowhere", arguments: 0..<8 as Range<UInt64>)
    func damage(seed: UInt64) {
        var random = SeededRandom(seed: seed), refused = 0
        let base = Self.opening + Self.message([[107], [1, 2, 3]]) + Self.command("PING", [0, 1]) + Self.message([[], [9]])
        for _ in 0..<2_000 {
            var bytes = base
            for _ in 0...(random.next() % 3) { bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next()) }
            let whole = hear(bytes), cut = hear(bytes, piece: 1 + Int(random.next() % 23))
            #expect(whole.events == cut.events && whole.output == cut.output && whole.error == cut.error, "\(bytes)")
            if whole.error != nil { refused += 1 }
        }
        #expect(refused > 200 && refused < 2_000)
    }
}
