import ClusterModel
import ServiceRuntime
import Testing

@testable import FrontendService

@Suite("The options of tenants")
struct TenantOptionsTests {
    private static let secret = "secret of the cluster"

    private func invocation(_ arguments: [String], tenants: [UInt8] = TenantBed.text(TenantBed.entry("a"))) -> (isRun: Bool, text: String) {
        let files = FileReader { (path, limit) throws(FileReadError) in
            switch path {
            case "tenants.json": return tenants
            case "secret": return Array(Self.secret.utf8)
            default: throw FileReadError(path: path, reason: "no such file", isAbsent: true)
            }
        }
        switch FrontendOptions().table.invocation(arguments: arguments, environment: [:], files: files) {
        case .run: return (true, "")
        case .exit(let code, let output, let diagnostics): return (code == .ok, output + diagnostics)
        }
    }

    @Test(
        "beyond loopback a frontend needs tenants, or has to be told to serve everybody",
        arguments: [
            (["--listen", "0.0.0.0:8000"], false), (["--listen", "[::]:8000"], false), (["--listen", "10.0.0.5:8000"], false),
            ([], true), (["--listen", "127.0.0.1:1"], true), (["--listen", "[::1]:1"], true), (["--listen", "localhost:1"], true),
            (["--listen", "0.0.0.0:8000", "--allow-anonymous"], true),
            (["--listen", "0.0.0.0:8000", "--tenants-file", "tenants.json"], true),
            (["--tenants-file", "tenants.json"], true), (["--tenants-file", "tenants.json", "--allow-anonymous"], false),
        ] as [([String], Bool)])
    func listen(_ arguments: [String], _ isGood: Bool) {
        let told = invocation(arguments)
        #expect(told.isRun == isGood, "\(told.text)")
        if !isGood, !arguments.contains("--tenants-file") {
            #expect(told.text.contains("--tenants-file") && told.text.contains("--allow-anonymous") && told.text.contains("127.0.0.1"))
        }
    }

    @Test("more than one tenant without a cluster secret is refused, with what to do")
    func secret() {
        let two = TenantBed.text(TenantBed.entry("a"), TenantBed.entry("b"))
        let told = invocation(["--tenants-file", "tenants.json"], tenants: two)
        #expect(!told.isRun && told.text.contains("cluster secret") && told.text.contains("--cluster-secret-file"))
        #expect(invocation(["--tenants-file", "tenants.json", "--cluster-secret-file", "secret"], tenants: two).isRun)
    }

    @Test("--check-config tells every mistake of the file at once, and a file that is not there")
    func check() {
        let text = Array(#"{"tenants":[{"name":"a","keys":["x"]},{"name":"a","keys":[],"weight":-1}]}"#.utf8)
        let told = invocation(["--check-config", "--tenants-file", "tenants.json"], tenants: text)
        for path in ["tenants[0].keys[0]", "tenants[1].name", "tenants[1].weight"] { #expect(told.text.contains(path), "\(told.text)") }
        #expect(!told.isRun && invocation(["--tenants-file", "nowhere"]).text.contains("nowhere"))
    }

    @Test("no key, digest or secret is printed")
    func canary() {
        let file = TenantBed.text(TenantBed.entry("a"), TenantBed.entry("b"))
        for mode in ["--print-config", "--check-config"] {
            let told = invocation([mode, "--tenants-file", "tenants.json", "--cluster-secret-file", "secret"], tenants: file)
            #expect(told.isRun && !told.text.contains(Self.secret))
            for tenant in ["a", "b"] { #expect(!told.text.contains(TenantBed.digest(TenantBed.key(tenant)).dropFirst(7))) }
        }
        #expect(invocation(["--print-config", "--tenants-file", "tenants.json"]).text.contains("tenants.json"))
    }
}
