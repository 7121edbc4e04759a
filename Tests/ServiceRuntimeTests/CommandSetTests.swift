import Testing

@testable import ServiceRuntime

@Suite struct CommandSetTests {
    private let commands = CommandSet(
        program: "tool", summary: "Does things.", protocolVersion: "1.0",
        commands: [.init(name: "count", effect: "count the words behind it", run: { $0.count == 2 ? .ok : .failure })])

    @Test("the first word chooses the command, and the rest is the command's")
    func chooses() {
        #expect(commands.run(["count", "a", "--help"]) == .ok)
        #expect(commands.run(["count"]) == .failure)
    }

    @Test("a word that is no command is wrong usage, and help and the version are not")
    func others() {
        #expect(commands.run(["cuont"]) == .usage)
        #expect(commands.run(["--help"]) == .ok)
        #expect(commands.run([]) == .ok)
        #expect(commands.run(["--version"]) == .ok)
    }
}
