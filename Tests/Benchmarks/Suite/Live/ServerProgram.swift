/// One program of a system under load, and how it is started.
struct ServerProgram: Sendable {
    /// Its part in the system, under which its costs are listed; several may have the same.
    let part: String
    let path: String
    let arguments: [String]
    /// Beside what this process has.
    var environment: [(name: String, value: String)] = []
    /// Stands for an engine: what it costs is not the serving system's.
    var isEngine = false

    /// As one would type it.
    var commandLine: String {
        let settings = environment.map { "\($0.name)=\(Self.quoted($0.value))" }
        return (settings + ([path] + arguments).map(Self.quoted)).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"'\"\\$&;|<>*?()`".utf8.contains($0) }
        return isPlain ? word : "'\(word)'"
    }
}

/// Programs that together answer chats of OpenAI's API on one port of loopback.
struct ServingSystem: Sendable {
    let name: String
    /// In the order in which they are started.
    let programs: [ServerProgram]
    let port: UInt16
    let model: String
    /// From the start to the first answer.
    var startLimit = Duration.seconds(20)
    /// What it keeps on disk.
    var state: WorkFolder?
}
