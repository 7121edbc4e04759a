import Glibc
import JSONText
import ServiceRuntime
import TestSupport
import WireProtocol

/// `wiretool print`: messages in hexadecimal, one a word or a line, as readable JSON.
enum Print {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let table = OptionTable(
            ProcessDescription(
                name: "wiretool print",
                summary: "Decodes messages in hexadecimal, from the command line or one a line from standard input.",
                protocolVersion: WireVersion.current.description, operands: .anywhere(usage: "[HEX…]"),
                examples: [.init("wiretool print 41505553…", "prints header and body of one message")]))
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            var isWell = true
            if resolved.operands.isEmpty {
                while let line = readLine() { isWell = show(line) && isWell }
            } else {
                for word in resolved.operands { isWell = show(word) && isWell }
            }
            return isWell ? .ok : .failure
        }
    }

    private nonisolated static func show(_ hexadecimal: String) -> Bool {
        guard let message = bytes(hexadecimal) else {
            complain("wiretool print: not a whole number of bytes in hexadecimal")
            return false
        }
        do throws(WireError) {
            let header = try MessageHeader(reading: message.span.bytes)
            let packed = message.span.bytes.extracting(droppingFirst: MessageHeader.byteCount)
            say("\(name(header)) origin \(header.origin) number \(header.number) version \(header.version) body \(header.bodyLength) bytes")
            guard let kind = header.kind else { return true }
            var body: [UInt8] = []
            if header.flags.contains(.compressed) {
                try Compression().unpack(packed, header: header, into: &body)
            } else {
                body = packed.withUnsafeBytes { Array($0) }
            }
            let description = try MessageCatalog.decodeAndDescribe(kind, body: body.span.bytes)
            do throws(JSONError) {
                say(String(decoding: try JSONValue(parsing: description).encoded(.pretty), as: UTF8.self))
            } catch { preconditionFailure("the describer writes JSON: \(error)") }
            return true
        } catch {
            complain("wiretool print: \(error)")
            return false
        }
    }

    private nonisolated static func name(_ header: MessageHeader) -> String {
        var words = [header.kind.map { "\($0)" } ?? "unknown kind \(header.rawKind)"]
        if header.flags.contains(.question) { words.append("question") }
        if header.flags.contains(.answer) { words.append("answer") }
        if header.flags.contains(.compressed) { words.append("compressed") }
        return words.joined(separator: ", ") + ","
    }

    private nonisolated static func bytes(_ hexadecimal: String) -> [UInt8]? { Hex.bytes(hexadecimal) }
}
