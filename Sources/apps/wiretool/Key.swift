import ClusterModel
import EventLoop
import ServiceRuntime
import WireProtocol

/// `wiretool key`: a new key for a tenant, and what the tenants' file has of it. The file never has the key itself, so whoever reads it can use
/// none.
enum Key {
    /// Beyond guessing.
    private static let bytes = 32
    /// So that whoever finds one somewhere knows what it opens.
    private static let prefix = "apus-"

    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let table = OptionTable(
            ProcessDescription(
                name: "wiretool key",
                summary:
                    "Draws a key for a client, and prints it with its entry for a tenants' file. With - it reads a key from standard input, and prints its entry.",
                protocolVersion: WireVersion.current.description, operands: .anywhere(usage: "[-]"),
                examples: [
                    .init("wiretool key", "a key, and its entry for the tenants' file"),
                    .init("wiretool key - < key", "the entry of a key that is there already"),
                ]))
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            if resolved.operands.isEmpty { return draw() }
            guard resolved.operands == ["-"] else {
                complain("wiretool key: the only operand is -; a key on a command line could be read by others")
                return .usage
            }
            guard let key = readLine(), !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                complain("wiretool key: there is no key on standard input: one line of printable characters without spaces")
                return .failure
            }
            say("\"\(entry(of: key))\"")
            return .ok
        }
    }

    private nonisolated static func draw() -> ExitCode {
        do {
            let loop = try EpollLoop(name: "key")
            loop.spawn {
                let key = text(loop.secureRandomBytes(bytes))
                say("key    \(key)")
                say("entry  \"\(entry(of: key))\"")
                loop.stop()
            }
            loop.run()
            return .ok
        } catch {
            complain("wiretool key: \(error)")
            return .failure
        }
    }

    nonisolated static func text(_ bytes: [UInt8]) -> String { prefix + (Digest(bytes)?.hex ?? "") }

    /// What stands in the tenants' file.
    nonisolated static func entry(of key: String) -> String { "sha256:" + SHA256.digest(of: Array(key.utf8)).hex }
}
