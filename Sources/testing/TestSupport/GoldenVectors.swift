import Glibc
package import JSONText

/// The vectors of `proto-spec/vectors`, read from the checkout that the tests were built in.
package struct GoldenVector: Sendable {
    package let file: String
    package let name: String
    package let section: String
    package let message: [UInt8]
    package let value: JSONValue

    package var decoded: JSONValue? { value["decoded"] }
    package var header: JSONValue? { value["header"] }
    package var error: (code: String, field: String)? {
        guard let error = value["error"], let code = error["code"]?.asString else { return nil }
        return (code, error["field"]?.asString ?? "")
    }
}

package enum GoldenVectors {
    /// The files that hold whole messages.
    package static let messageFiles = [
        "common", "control", "route", "data", "kv", "recovery", "feeds", "peer", "header", "malformed", "versions",
    ]

    /// The checkout's root: three folders above this file's.
    package static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(4)
        return parts.joined(separator: "/")
    }()

    package static func messages() throws -> [GoldenVector] {
        try messageFiles.filter { exists("\(root)/proto-spec/vectors/\($0).json") }.flatMap { try messages(in: $0) }
    }

    package static func messages(in file: String) throws -> [GoldenVector] {
        try array(file).map { value in
            guard let name = value["name"]?.asString, let hexadecimal = value["hex"]?.asString, let message = Hex.bytes(hexadecimal) else {
                throw Problem(description: "a vector of \(file) has no name or no hex")
            }
            return GoldenVector(file: file, name: name, section: value["section"]?.asString ?? "", message: message, value: value)
        }
    }

    package static func array(_ file: String) throws -> [JSONValue] {
        guard let values = try JSONValue(parsing: contents("\(root)/proto-spec/vectors/\(file).json"), limits: .file).asArray else {
            throw Problem(description: "\(file) is not an array")
        }
        return values
    }

    package struct Problem: Error, CustomStringConvertible {
        package let description: String
    }

    package static func contents(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "re") else { throw Problem(description: "cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    private static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }
}
