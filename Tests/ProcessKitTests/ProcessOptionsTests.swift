import ProcessKit
import ServiceRuntime
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
}
