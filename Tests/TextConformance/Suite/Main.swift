import Glibc

/// Compares what this project makes of text with what other implementations make of it. `deploy/dev/text-check` prepares what it reads.
///
///     textcheck CHECK ARGUMENTS…
///
/// Ends with 1 if something differs, and with 2 if it could not be compared.
@main
enum Main {
    typealias Check = @Sendable ([String]) throws(CheckError) -> Bool

    /// By name; each is a file of this folder.
    private static let checks: [(name: String, run: Check)] = [
        ("answers", AnswersCheck.run), ("chats", ChatCheck.run), ("formats", FormatsCheck.run), ("greedy", GreedyCheck.run),
        ("hostile-templates", HostileCheck.run), ("parser-speed", ParserSpeedCheck.run),
        ("template-provenance", TemplateProvenanceCheck.run), ("templates", TemplatesCheck.run), ("tokenizer-bench", TokenizerBench.run),
        ("tokenizers", TokenizersCheck.run), ("unicode", UnicodeCheck.run),
    ]

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard let check = checks.first(where: { $0.name == arguments.first }) else {
            return stop("textcheck: one of \(checks.map(\.name).joined(separator: ", ")) is expected")
        }
        do throws(CheckError) { exit(try check.run(Array(arguments.dropFirst())) ? 0 : 1) } catch {
            stop("textcheck: \(check.name): \(error.reason)")
        }
    }

    private static func stop(_ reason: String) {
        _ = (reason + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(2)
    }
}

/// Why nothing could be compared.
struct CheckError: Error {
    let reason: String
}
