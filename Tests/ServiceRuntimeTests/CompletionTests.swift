import Testing

@testable import ServiceRuntime

@Suite struct CompletionTests {
    private func output(_ arguments: [String]) throws -> String {
        guard case .exit(.ok, let output, "") = Sample().invoke(arguments) else { throw Unanswered() }
        return output
    }

    private struct Unanswered: Error {}

    @Test("a shell is told every option, what may follow it, and what it is for")
    func words() throws {
        let lines = try output(["--completion", "words"]).split(separator: "\n").map(String.init)
        for line in [
            "--listen\tvalue\tWhere clients connect.", "--policy\tword:cost,random,round-robin\tHow a worker is chosen.",
            "--trace\tflag\tWrites each decision.", "--no-trace\tflag\tWrites each decision.", "--model-folder\tpath\tWhere models lie.",
            "--admin-token-file\tpath\tGuards the admin listener.",
            "--log-level\tword:trace,debug,info,warning,error\tLogs events of this level and above.",
        ] { #expect(lines.contains(line), "\(line)") }
        // What asks for an answer has no opposite.
        #expect(lines.contains { $0.hasPrefix("--help\tflag\t") } && !lines.contains { $0.hasPrefix("--no-help") })
        for line in lines { #expect(line.split(separator: "\t", omittingEmptySubsequences: false).count == 3, "\(line)") }
    }

    @Test("it is answered whatever else is wrong on the line, as that is not finished")
    func unfinished() throws {
        #expect(try output(["--completion", "words", "--no-such", "--queue-entries", "x"]).contains("--listen\t"))
    }

    @Test("the scripts name the program and ask it", arguments: ["bash", "zsh", "fish"])
    func scripts(_ shell: String) throws {
        let script = try output(["--completion", shell])
        for part in ["_apus_complete_sample", "--completion words", "--completion \(shell)"] { #expect(script.contains(part), "\(part)") }
    }

    @Test("a shell that is not known is refused with those that are")
    func unknown() {
        guard case .exit(.usage, _, let complaint) = Sample().invoke(["--completion", "ksh"]) else {
            Issue.record("it does not run")
            return
        }
        #expect(complaint.contains("bash, zsh, fish"))
    }

    @Test("a program of several commands tells their names, and each command its options")
    func commands() {
        let tool = CommandSet(
            program: "tool", summary: "Does things.", protocolVersion: "1.0",
            commands: [.init(name: "count", effect: "count the words behind it", run: { _ in .ok })])
        #expect(tool.completion(.words).hasPrefix("count\tflag\tcount the words behind it\n--help\t"))
        #expect(tool.completion(.bash).contains("complete -F _apus_complete_tool tool"))
        #expect(tool.run(["--completion", "ksh"]) == .usage && tool.run(["--completion"]) == .usage)
        #expect(tool.run(["--completion", "fish"]) == .ok)
    }
}
