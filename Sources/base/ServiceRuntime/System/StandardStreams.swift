import Glibc

/// What a process says before it has a log, or in place of one: help, versions, lists of problems.
package enum StandardStreams {
    package static func output(_ text: String) { write(text, to: STDOUT_FILENO) }
    package static func complain(_ text: String) { write(text, to: STDERR_FILENO) }

    /// All of it, or as much as a reader that went away lets through.
    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
