import JSONText
import ServiceRuntime
import Testing

@Suite struct InvocationTests {
    let sample = Sample(operands: .afterTerminator(usage: "ENGINE…"))

    private func exit(_ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]) -> (
        ExitCode, String, String
    )? {
        guard case .exit(let code, let output, let diagnostics) = sample.invoke(arguments, environment: environment, files: files) else {
            return nil
        }
        return (code, output, diagnostics)
    }

    @Test("a good command line runs, with its warnings")
    func runs() throws {
        guard case .run(let configuration, let warnings) = sample.invoke(["--queue-entries=2"], environment: ["APUS_X": "1"]) else {
            Issue.record("does not run")
            return
        }
        #expect(configuration[sample.queueEntries] == 2)
        #expect(warnings.count == 1)
    }

    @Test("a wrong one exits with 2 and every problem, errors first")
    func usage() throws {
        let (code, output, diagnostics) = try #require(exit(["--listem=x", "--policy=y"], environment: ["APUS_X": "1"]))
        #expect(code == .usage && code.rawValue == 2)
        #expect(output.isEmpty)
        let lines = diagnostics.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[0] == "sample: error: --listem (flag): there is no such option; did you mean --listen?")
        #expect(lines[1].hasPrefix("sample: error: --policy"))
        #expect(lines[2].hasPrefix("sample: warning: APUS_X"))
        #expect(lines[3] == "sample: 2 errors; see sample --help")
    }

    @Test(
        "help and version answer whatever else is wrong", arguments: [["--help"], ["-h"], ["--nonsense", "--help"], ["--policy=x", "-h"]])
    func help(arguments: [String]) throws {
        let (code, output, diagnostics) = try #require(exit(arguments))
        #expect(code == .ok && diagnostics.isEmpty)
        #expect(output == sample.table.help)
        #expect(try #require(exit(["--version", "--bogus"])).1 == "sample \(BuildInfo.version) (protocol 1.0)\n")
    }

    @Test("print-config shows every option with value and origin")
    func printConfig() throws {
        let (code, output, _) = try #require(
            exit(
                ["--print-config", "--listen=[::]:1", "--config=f"], environment: ["APUS_ROUTER": "tcp://a:1"],
                files: ["f": #"{"body": {"limit": "64KiB"}, "trace": true}"#]))
        #expect(code == .ok)
        let json = try JSONValue(parsing: output)
        func entry(_ name: String) -> String { json[name].map { String(decoding: $0.encoded(), as: UTF8.self) } ?? "absent" }
        #expect(entry("listen") == #"{"value":"[::]:1","origin":"flag"}"#)
        #expect(entry("router") == #"{"value":["tcp://a:1"],"origin":"environment APUS_ROUTER"}"#)
        #expect(entry("body-limit") == #"{"value":"64KiB","origin":"file f"}"#)
        #expect(entry("trace") == #"{"value":true,"origin":"file f"}"#)
        #expect(entry("queue-entries") == #"{"value":5000,"origin":"default"}"#)
        #expect(entry("queue-time") == #"{"value":"1min","origin":"default"}"#)
        #expect(entry("model-folder") == #"{"value":null,"origin":"default"}"#)
        #expect(entry("config") == #"{"value":"f","origin":"flag"}"#)
        #expect(entry("print-config") == "absent")
        #expect(json.asObject?.count == sample.table.options.count - 5)
    }

    @Test("check-config judges everything and exits with 0 or 2")
    func checkConfig() throws {
        let good = try #require(exit(["--check-config", "--config=f"], files: ["f": "{}"]))
        #expect(good == (.ok, "sample: the configuration is good\n", ""))
        let bad = try #require(exit(["--check-config", "--config=f"], files: ["f": #"{"listen": 1, "queue": {"time": 1}}"#]))
        #expect(bad.0 == .usage && bad.1.isEmpty)
        #expect(bad.2.split(separator: "\n").count == 3)
    }

    @Test("help fits its width and names every option with default, bounds and variable")
    func helpText() {
        let help = sample.table.help
        for line in help.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        for option in sample.table.options {
            #expect(help.contains("--\(option.name)") || help.contains("--[no-]\(option.name)"))
            #expect(help.contains("env: \(option.environmentName)]") == (option.sources != .commandLine), "\(option.name)")
        }
        #expect(help.hasPrefix("Usage: sample [OPTIONS] [-- ENGINE…]\n\nStands in for a process"))
        #expect(
            help.contains(
                """
                Network:
                  --listen ADDRESS                  Where clients connect.
                                                    [default: 127.0.0.1:8000; env: APUS_LISTEN]
                  --router ADDRESS...               Routers to dial.
                                                    [env: APUS_ROUTER]

                Queue:
                  --queue-entries N                 Requests that may wait for a worker; more are refused with 429.
                                                    Raise it together with the memory of the process: an entry holds
                                                    the hashes of its prompt until a worker takes it.
                                                    [1 to 1000000; default: 5000; env: APUS_QUEUE_ENTRIES]

                """))
        #expect(help.contains("\nExamples:\n  sample --listen 127.0.0.1:9000\n      Listens elsewhere.\n"))
        #expect(help.hasSuffix("Exit codes:\n" + ExitCode.allCases.map { "  \($0.rawValue)  \($0.meaning)\n" }.joined()))
        // The options that every process has come last.
        #expect(help.firstRange(of: "Scheduling:")!.lowerBound < help.firstRange(of: "Process:")!.lowerBound)
    }

    @Test("a label too wide for its column stands on a line of its own")
    func wideLabel() {
        var table = sample.table
        _ = table.option("a-name-that-is-far-too-wide-for-it", .text(), default: "", help: "Text.")
        #expect(table.help.contains("  --a-name-that-is-far-too-wide-for-it TEXT\n" + String(repeating: " ", count: 36) + "Text.\n"))
    }
}
