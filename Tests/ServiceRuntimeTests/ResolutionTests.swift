import JSONText
import ServiceRuntime
import Testing

@Suite struct ResolutionTests {
    let sample = Sample()

    @Test("flag outranks environment, environment file, file default", arguments: 0..<8)
    func precedence(present: Int) {
        let resolution = sample.resolve(
            present & 1 != 0 ? ["--queue-entries=1"] : [],
            environment: (present & 2 != 0 ? ["APUS_QUEUE_ENTRIES": "2"] : [:]).merging(["APUS_CONFIG": "f"]) { $1 },
            files: ["f": present & 4 != 0 ? #"{"queue-entries": 3}"# : "{}"])
        let expected: (Int, ConfigOrigin) =
            present & 1 != 0
            ? (1, .flag)
            : present & 2 != 0 ? (2, .environment("APUS_QUEUE_ENTRIES")) : present & 4 != 0 ? (3, .file("f")) : (5_000, .default)
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration[sample.queueEntries] == expected.0)
        #expect(resolution.configuration.origin(of: sample.queueEntries) == expected.1)
    }

    @Test("all problems of all sources are reported together")
    func together() {
        let resolution = sample.resolve(
            ["--config=f", "--bogus", "--queue-entries=0"], environment: ["APUS_QUEUE_TIME": "5", "APUS_POLICY": "worst"],
            files: ["f": #"{"listen": "x", "unknown": 1, "trace": true}"#])
        #expect(resolution.errors.map(\.option) == ["--bogus", "unknown", "listen", "--queue-entries", "queue-time", "policy"])
        #expect(resolution.configuration[sample.trace])
    }

    @Test("a wrong value behind a good one is a warning")
    func hidden() {
        let resolution = sample.resolve(["--queue-entries=1", "--config=f"], files: ["f": #"{"queue-entries": 0}"#])
        #expect(resolution.errors.isEmpty)
        #expect(resolution.warnings.map(\.origin) == [.file("f")])
        #expect(resolution.configuration[sample.queueEntries] == 1)
    }

    @Test("a good value behind a wrong one does not help")
    func notRescued() {
        #expect(sample.resolve(["--queue-entries=0"], environment: ["APUS_QUEUE_ENTRIES": "5"]).errors.count == 1)
    }

    @Test("a required option without a value is an error that says all ways to set it")
    func required() {
        var table = sample.table
        let name = table.required("cluster-id", .text(), help: "The cluster.")
        let missing = table.resolve(arguments: [], environment: [:], files: .holding([:]))
        #expect(
            missing.texts == [
                "error: --cluster-id (default): it is required and has no default; give --cluster-id TEXT, set APUS_CLUSTER_ID, or write cluster-id in the file"
            ])
        let given = table.resolve(arguments: ["--cluster-id=x"], environment: [:], files: .holding([:]))
        #expect(given.issues.isEmpty && given.configuration[name] == "x")
        _ = table.list("router-address", .address(.peer), count: 1...2, help: "At least one.")
        #expect(table.resolve(arguments: ["--cluster-id=x"], environment: [:], files: .holding([:])).errors.count == 1)
    }

    @Test("a check sees values, fills in origins, and keeps quiet when a value of its own is wrong")
    func checks() {
        var table = sample.table
        let (entries, body) = (sample.queueEntries, sample.bodyLimit)
        table.check(entries, body) { resolved in
            guard resolved[entries] > 10, resolved[body] > 4_096 else { return [] }
            return [resolved.issue(entries, problem: "too many for the body limit", remedy: "lower one of them")]
        }
        func texts(_ arguments: [String], _ environment: [String: String] = [:]) -> [String] {
            table.resolve(arguments: arguments, environment: environment, files: .holding([:])).texts
        }
        #expect(texts([]) == ["error: queue-entries (default): too many for the body limit; lower one of them"])
        #expect(texts(["--queue-entries=11"]) == ["error: --queue-entries (flag): too many for the body limit; lower one of them"])
        #expect(texts([], ["APUS_QUEUE_ENTRIES": "11"]).first?.contains("(environment APUS_QUEUE_ENTRIES)") == true)
        #expect(texts(["--body-limit=1KiB"]) == [])
        // One mistake, one message: the check on a default that nobody chose would be a second.
        #expect(texts(["--body-limit=1"]).count == 1)
    }

    @Test("a secret is the content of its file and is never shown")
    func secrets() throws {
        let files = ["token": "hunter2\r\n", "empty": "\n", "long": String(repeating: "x", count: OptionLimits.secretFileBytes + 1)]
        let resolution = sample.resolve(["--admin-token-file=token"], files: files)
        let secret = try #require(resolution.configuration[sample.token])
        #expect(secret.bytes == Array("hunter2".utf8))
        var dumped = ""
        dump(secret, to: &dumped)
        for shown in [resolution.configuration.printed, "\(secret)", String(reflecting: secret), dumped] {
            #expect(!shown.contains("hunter2") && !shown.contains("104"))
            #expect(shown.contains("token"))
        }
        for path in ["empty", "long", "gone", ""] { #expect(sample.resolve(["--admin-token-file", path], files: files).errors.count == 1) }
        #expect(sample.resolve(["--admin-token", "hunter2"]).errors.map(\.problem) == ["there is no such option"])
    }

    @Test("what is shown of a value can stand in a file, and gives the value again")
    func roundTrip() throws {
        let first = sample.resolve([
            "--listen=[::1]:9", "--router=tcp://a:1,tls+tcp://b:2", "--queue-entries=17", "--queue-time=1500ms", "--body-limit=5MB",
            "--overlap-weight=0.1", "--policy=random", "--trace", "--model-folder=/a \"b\"\n",
        ])
        #expect(first.issues.isEmpty)
        let printed = try JSONValue(parsing: first.configuration.printed)
        var file = JSONWriter()
        file.beginObject()
        for member in try #require(printed.asObject).members {
            guard let value = member.value["value"], !value.isNull, member.name != "config" else { continue }
            file.key(member.name)
            value.write(to: &file)
        }
        file.endObject()
        let second = sample.resolve(["--config=f"], files: ["f": String(decoding: file.finish(), as: UTF8.self)])
        #expect(second.issues.isEmpty)
        #expect(second.configuration[sample.routers] == ["tcp://a:1", "tls+tcp://b:2"])
        #expect(second.configuration[sample.queueTime] == .milliseconds(1_500))
        #expect(second.configuration[sample.bodyLimit] == 5_000_000)
        #expect(second.configuration[sample.weight] == 0.1)
        #expect(second.configuration[sample.policy] == .random)
        #expect(second.configuration[sample.modelFolder] == "/a \"b\"\n")
    }

    @Test("a value is repeated in a message cut and without control characters")
    func quoted() {
        let text = sample.resolve(["--policy", "\u{1B}[31m\u{202E}" + String(repeating: "x", count: 500)]).texts[0]
        #expect(text.contains(#""\u{1b}[31m\u{202e}xxx"#))
        #expect(text.utf8.count < 400)
    }
}
