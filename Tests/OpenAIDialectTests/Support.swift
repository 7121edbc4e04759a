import Glibc
import JSONText
import OpenAIDialect
import Testing

/// Text, or the tests' own mistake.
func text(_ bytes: [UInt8]) -> String { String(validating: bytes, as: UTF8.self) ?? "(no UTF-8)" }

/// What a writer appends.
func written(_ write: (inout [UInt8]) -> Void) -> String {
    var bytes: [UInt8] = []
    write(&bytes)
    return text(bytes)
}

/// The data of the events of a stream, each checked for its frame.
func events(_ write: (inout [UInt8]) -> Void) -> [String] {
    let text = written(write)
    guard text.isEmpty || text.hasSuffix("\n\n") else { return ["(an event without its end)"] }
    return text.split(separator: "\n\n").map { $0.hasPrefix("data: ") ? String($0.dropFirst(6)) : "(an event without its frame)" }
}

func chat(_ json: String) throws(DialectError) -> ChatCompletionRequest {
    try ChatCompletionRequest(parsing: json.utf8.span.bytes)
}

func completion(_ json: String) throws(DialectError) -> CompletionRequest {
    try CompletionRequest(parsing: json.utf8.span.bytes)
}

/// A chat body with one message of a user's and these members more.
func chatBody(_ members: String) -> String {
    #"{"model":"m","messages":[{"role":"user","content":"hi"}]"# + (members.isEmpty ? "" : ",\(members)") + "}"
}

func completionBody(_ members: String) -> String { #"{"model":"m","prompt":"hi""# + (members.isEmpty ? "" : ",\(members)") + "}" }

/// A file of the checkout that the tests were built in.
func file(_ path: String) throws -> String {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    let stream = try #require(fopen("\(root)/\(path)", "r"), "\(path) cannot be opened")
    defer { fclose(stream) }
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = fread(&chunk, 1, chunk.count, stream)
        if count == 0 { return text(contents) }
        contents += chunk[..<count]
    }
}
