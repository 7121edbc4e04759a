import TestSupport
import WireProtocol

/// Makes a program of today speak as one of a later minor may, to peers of every minor: whatever can be added to a message is added, and now
/// and then it says and asks what no version knows.
///
/// What the opening of a link says is the link's own, since proofs depend on it; `LinkPolicy.dialect` adds to that.
final class LaterSpeaker: Interposer {
    private let version: ProgramVersion
    private let witness: VersionWitness
    /// Questions of feeds there are none.
    private let isLink: Bool
    private var isOpen = false
    private var hello: Hello?
    private var sent = 0
    private var nextQuestion = LaterSpeaker.firstQuestion

    /// Beyond those of the program itself.
    private static let firstQuestion: UInt64 = 1 << 62
    private static let messagesBetweenQuestions = 12
    /// In the byte of flags that may be ignored.
    private static let unknownFlag: UInt16 = 0x4000

    init(_ version: ProgramVersion, isLink: Bool, _ witness: VersionWitness) {
        self.version = version
        self.isLink = isLink
        self.witness = witness
    }

    func leaving(_ message: [UInt8]) -> [[UInt8]] {
        guard let header = heard(message) else { return [message] }
        guard isOpen || !isLink, let kind = header.kind, !Self.opensLinks(kind) else { return [message] }
        guard let longer = longer(message, header, kind) else { return [message] }
        sent += 1
        // Nothing may be said behind a goodbye, and nobody who has said it need answer.
        guard isLink, sent % Self.messagesBetweenQuestions == 0, kind != .goodbye, kind != .goodbyeAck else { return [longer] }
        witness.asked()
        nextQuestion += 1
        return [unknown([]), unknown(.question, number: nextQuestion), longer]
    }

    func arriving(_ message: [UInt8]) {
        guard let header = heard(message), header.flags.contains(.answer), header.number > Self.firstQuestion else { return }
        guard let failure = read(Failure.self, message) else { return witness.complain("an unknown question was answered") }
        witness.answered(failure)
    }

    // MARK: The opening

    private static func opensLinks(_ kind: MessageKind) -> Bool { kind.rawValue <= MessageKind.refuse.rawValue }

    /// The header of a message of either side; notes what opens the link.
    private func heard(_ message: [UInt8]) -> MessageHeader? {
        guard let header = try? MessageHeader(reading: message.span.bytes) else { return nil }
        guard isLink, !isOpen else { return header }
        if header.kind == .hello { hello = read(Hello.self, message) }
        if header.kind == .welcome, let hello, let welcome = read(Welcome.self, message) {
            isOpen = true
            // A listener's newest minor is not said; where it is above the dialer's, the header of its Welcome tells.
            witness.opened(
                VersionedLink(kind: hello.link, dialer: hello.newestMinor, listener: header.version.minor, spoken: welcome.minor))
        }
        return header
    }

    private func read<M: WireMessage>(_ type: M.Type, _ message: [UInt8]) -> M? { try? Codec.decode(type, from: message.span.bytes) }

    // MARK: More than is known

    /// The message with all that may be added; nil if that would not fit.
    private func longer(_ message: [UInt8], _ header: MessageHeader, _ kind: MessageKind) -> [UInt8]? {
        guard let body = Self.plainBody(message, header), let value = try? MessageCatalog.decode(kind, body: body.span.bytes) else {
            witness.complain("a program writes a \(kind) that cannot be read")
            return nil
        }
        var header = header, whole: [UInt8] = []
        let flags = header.flags.subtracting(.compressed).rawValue | Self.unknownFlag
        header = MessageHeader(
            rawKind: header.rawKind, flags: MessageHeader.Flags(rawValue: flags), origin: header.origin, number: header.number,
            version: WireVersion(major: header.version.major, minor: version.minor))
        let start = Codec.beginMessage(header, in: &whole)
        whole += LaterWriter.body(of: value, minor: version.minor, addsVariants: isLink)
        guard whole.count <= (isLink ? Limits.messageBytes : Limits.feedMessageBytes) else { return nil }
        Codec.patchBodyLength(of: start, in: &whole)
        witness.said(kind)
        return whole
    }

    static func plainBody(_ message: [UInt8], _ header: MessageHeader) -> [UInt8]? {
        let packed = message.span.bytes.extracting(droppingFirst: MessageHeader.byteCount)
        guard header.flags.contains(.compressed) else { return packed.withUnsafeBytes { Array($0) } }
        var body: [UInt8] = []
        do throws(WireError) { try Compression().unpack(packed, header: header, into: &body) } catch { return nil }
        return body
    }

    private func unknown(_ flags: MessageHeader.Flags, number: UInt64 = 0) -> [UInt8] {
        var whole: [UInt8] = []
        let start = Codec.beginMessage(
            MessageHeader(
                rawKind: WireDialect.syntheticKind, flags: flags, origin: 0x1A7E, number: number,
                version: WireVersion(major: WireVersion.current.major, minor: version.minor)), in: &whole)
        whole += Array("what a later minor may say".utf8)
        Codec.patchBodyLength(of: start, in: &whole)
        return whole
    }
}
