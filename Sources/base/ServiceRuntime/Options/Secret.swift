/// The content of a secret file. A secret is never a flag, a variable or a line of the configuration: those are shown by
/// `ps`, `/proc` and `--print-config`. Printing this value shows where it came from, never what it is.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let path: String
    /// Without the line end that editors put after the last line.
    package let bytes: [UInt8]

    /// What a file says, without the line end.
    package static func content(of file: [UInt8]) -> [UInt8] {
        var bytes = file
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    package var description: String { "Secret(\(path))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["path": path]) }
}

extension ValueSyntax<Secret> {
    /// A path that is read at once, so that `--check-config` finds an unreadable secret before the process runs.
    static var secretFile: ValueSyntax<Secret> {
        ValueSyntax(placeholder: "PATH") { raw, reader throws(ValueProblem) in
            let path = try raw.text("a path")
            guard !path.isEmpty else { throw ValueProblem("the path is empty", remedy: "write the path of the secret's file") }
            var bytes: [UInt8]
            do throws(FileReadError) {
                bytes = try reader.read(path, OptionLimits.secretFileBytes)
            } catch {
                throw ValueProblem(error.description, remedy: "make the file readable to this process, or correct the path")
            }
            bytes = Secret.content(of: bytes)
            guard !bytes.isEmpty else { throw ValueProblem("\(path.quotedForMessage) is empty", remedy: "write the secret into it") }
            return Secret(path: path, bytes: bytes)
        } show: {
            .text($0.path)
        }
    }
}
