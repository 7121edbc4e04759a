/// Why certificates cannot be used. It names the file, and holds nothing of what is in it.
package struct TLSFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    package let reason: String

    package init(_ file: String, _ reason: String) {
        self.file = file
        self.reason = reason
    }

    package var description: String { "\(file): \(reason)" }
}
