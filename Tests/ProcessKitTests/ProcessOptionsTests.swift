import ProcessKit
import ServiceRuntime
import TestSupport
import Testing
import WireProtocol

@Suite("Options that every process has")
struct ProcessOptionsTests {
    private func invocation(_ arguments: [String]) -> (Invocation, ProcessOptions) {
        var table = OptionTable(ProcessDescription(name: "node", summary: "For tests.", protocolVersion: "1.0", examples: []))
        let options = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:0")
        return (table.invocation(arguments: arguments, environment: [:], files: .system), options)
    }

    @Test("the metrics' namespace is dynamo unless another word is given")
    func namespace() throws {
        for (arguments, expected) in [([], "dynamo"), (["--metrics-namespace", "acme"], "acme")] {
            let (invocation, options) = invocation(arguments)
            guard case .run(let resolved, _) = invocation else {
                Issue.record("it runs")
                continue
            }
            #expect(resolved[options.metricsNamespace] == expected)
        }
    }

    @Test("a namespace that no metric's name can begin with is refused with what to write", arguments: ["9lives", "a-b", "apus"])
    func badNamespace(_ word: String) {
        guard case .exit(_, _, let complaint) = invocation(["--metrics-namespace", word]).0 else {
            Issue.record("it does not run")
            return
        }
        #expect(complaint.contains("metrics-namespace") && complaint.contains("no digit first"))
    }

    @Test("the help names it")
    func help() {
        guard case .exit(_, let text, _) = invocation(["--help"]).0 else {
            Issue.record("help ends at once")
            return
        }
        #expect(text.contains("--metrics-namespace WORD"))
    }

    // MARK: Where peers connect

    private func complaint(at address: String, _ arguments: [String] = []) -> String? {
        var table = OptionTable(ProcessDescription(name: "node", summary: "For tests.", protocolVersion: "1.0", examples: []))
        let options = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:0")
        let listener = table.option("links", .address(.listener), default: "tcp://127.0.0.1:1", help: "For tests.")
        options.guards(listener, in: &table)
        let files = FileReader { (_, _) throws(FileReadError) in Array("a secret of more than thirty-two bytes, surely".utf8) }
        let invocation = table.invocation(arguments: ["--links", address] + arguments, environment: [:], files: files)
        guard case .exit(_, _, let complaint) = invocation else { return nil }
        return complaint
    }

    private static let certificates = ["--tls-ca-file", "ca.pem", "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]

    @Test(
        "whoever would let strangers connect does not start, and is told what to give",
        arguments: ["tcp://0.0.0.0:8100", "tcp://10.0.0.5:8100", "tcp://[::]:8100", "tcp://router.example:8100"])
    func strangers(_ address: String) throws {
        let refusal = try #require(complaint(at: address))
        #expect(refusal.contains("links") && refusal.contains("told from strangers") && refusal.contains("--cluster-secret-file"))
        // Certificates alone do not help an address that does not use them.
        #expect(complaint(at: address, Self.certificates)?.contains("told from strangers") == true)
        #expect(complaint(at: address, ["--cluster-secret-file", "secret"]) == nil)
    }

    @Test("loopback needs neither secret nor certificate", arguments: ["tcp://127.0.0.1:0", "tcp://127.1.2.3:8100", "tcp://[::1]:8100"])
    func loopback(_ address: String) { #expect(complaint(at: address) == nil) }

    @Test("an encrypted address needs certificates, wherever it is", arguments: ["tls+tcp://0.0.0.0:8100", "tls+tcp://127.0.0.1:8100"])
    func encrypted(_ address: String) throws {
        let refusal = try #require(complaint(at: address))
        #expect(refusal.contains("links (flag): an encrypted address needs certificates") && refusal.contains("tls-key-file"))
        // That these are none is said of them, and not of the address.
        let others = try #require(complaint(at: address, Self.certificates))
        #expect(!others.contains("links (flag)") && others.contains("tls-cert-file"))
    }

    // MARK: The admin side

    private func adminComplaint(_ arguments: [String], token: String = String(repeating: "a", count: 32)) -> String? {
        var table = OptionTable(ProcessDescription(name: "node", summary: "For tests.", protocolVersion: "1.0", examples: []))
        _ = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:0")
        let files = FileReader { (path, _) throws(FileReadError) in
            path == "token" ? Array((token + "\n").utf8) : Self.fixture(path)
        }
        guard case .exit(_, _, let complaint) = table.invocation(arguments: arguments, environment: [:], files: files) else { return nil }
        return complaint
    }

    private static func fixture(_ name: String) -> [UInt8] {
        (try? GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/tls/\(name)")) ?? []
    }

    private static let admin = ["--admin-https-cert-file", "long-cert.pem", "--admin-https-key-file", "long-key.pem"]

    @Test("a token that would travel in plain text beyond loopback does not start, and is told why")
    func plainToken() throws {
        let everywhere = ["--admin-listen", "0.0.0.0:1", "--admin-token-file", "token"]
        let refusal = try #require(adminComplaint(everywhere))
        #expect(refusal.contains("admin-token-file (flag): beyond loopback the token could be read on its way"))
        #expect(refusal.contains("admin-https-cert-file"))
        #expect(adminComplaint(everywhere + Self.admin) == nil)
        #expect(adminComplaint(["--admin-listen", "127.0.0.1:1", "--admin-token-file", "token"]) == nil)
        // Metrics and health need none of it.
        for more in [[], Self.admin] { #expect(adminComplaint(["--admin-listen", "0.0.0.0:1"] + more) == nil) }
    }

    @Test(
        "a token that could be guessed or not be sent is refused without being shown",
        arguments: [31, 257].map { String(repeating: "s", count: $0) } + ["ü", " s"].map { String(repeating: $0, count: 40) })
    func badToken(_ token: String) throws {
        let refusal = try #require(adminComplaint(["--admin-token-file", "token"], token: token))
        #expect(refusal.contains("admin-token-file (flag): the token ") && refusal.contains("32 to 256") && !refusal.contains(token))
    }

    @Test("half a set of certificates is refused by the options' names")
    func halfSet() throws {
        let refusal = try #require(adminComplaint(["--admin-https-cert-file", "long-cert.pem"]))
        #expect(refusal.contains("give admin-https-cert-file and admin-https-key-file together"))
        #expect(adminComplaint(["--admin-https-client-ca-file", "long-cert.pem"]) != nil)
    }
}
