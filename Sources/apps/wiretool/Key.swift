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
            let key = readLine() ?? ""
            guard let entry = entry(of: key) else {
                complain("wiretool key: what is on standard input is no key that a frontend takes: \(complaint(about: key))")
                return .failure
            }
            say("\"\(entry)\"")
            return .ok
        }
    }

    private nonisolated static func draw() -> ExitCode {
        do {
            let loop = try EpollLoop(name: "key")
            loop.spawn {
                let key = text(loop.secureRandomBytes(bytes))
                say("key    \(key)")
                say("entry  \"\(entry(of: key) ?? "")\"")
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

    /// What stands in the tenants' file; nil for what no frontend takes as a key.
    nonisolated static func entry(of key: String) -> String? { TenantKey.digest(of: key).map { "sha256:" + $0.hex } }

    /// Says nothing of the key but how long it is.
    nonisolated static func complaint(about key: String) -> String {
        "a key is one line of \(TenantKey.rule), and this one has \(key.utf8.count) bytes"
    }
}
