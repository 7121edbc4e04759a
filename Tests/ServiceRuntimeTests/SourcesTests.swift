import ServiceRuntime
import Testing

@Suite struct EnvironmentTests {
    let sample = Sample()

    @Test("a variable sets its option; flags outrank it")
    func variable() {
        let environment = ["APUS_QUEUE_ENTRIES": "9", "APUS_TRACE": "on", "APUS_ROUTER": "tcp://a:1,tcp://b:2", "OTHER": "x"]
        let resolution = sample.resolve(["--no-trace"], environment: environment)
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration[sample.queueEntries] == 9)
        #expect(resolution.configuration.origin(of: sample.queueEntries) == .environment("APUS_QUEUE_ENTRIES"))
        #expect(resolution.configuration[sample.routers] == ["tcp://a:1", "tcp://b:2"])
        #expect(resolution.configuration[sample.trace] == false)
    }

    @Test("an empty variable counts as not set")
    func empty() {
        let resolution = sample.resolve(environment: ["APUS_QUEUE_ENTRIES": "", "APUS_CONFIG": "", "APUS_ROUTER": ""])
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration.origin(of: sample.queueEntries) == .default)
    }

    @Test("unknown variables are warnings, in a fixed order, with the nearest name")
    func unknown() {
        let resolution = sample.resolve(environment: ["APUS_ZZZZZZ": "1", "APUS_LISTEM": "1", "APUS_HELP": "1"])
        #expect(resolution.errors.isEmpty)
        #expect(
            resolution.texts == [
                "warning: APUS_HELP (environment APUS_HELP): no option of sample is read from it; remove it, or see --help",
                "warning: APUS_LISTEM (environment APUS_LISTEM): no option of sample is read from it; did you mean APUS_LISTEN?",
                "warning: APUS_ZZZZZZ (environment APUS_ZZZZZZ): no option of sample is read from it; remove it, or see --help",
            ])
    }

    @Test("what Kubernetes sets for a Service of ours is passed over, and explained where it hits an option")
    func serviceLinks() {
        let links = [
            "APUS_ROUTER_SERVICE_HOST": "10.0.0.1", "APUS_ROUTER_SERVICE_PORT": "8100", "APUS_ROUTER_SERVICE_PORT_LINKS": "8100",
            "APUS_ROUTER_PORT": "tcp://10.0.0.1:8100", "APUS_ROUTER_PORT_8100_TCP": "tcp://10.0.0.1:8100",
            "APUS_ROUTER_PORT_8100_TCP_ADDR": "10.0.0.1",
        ]
        #expect(sample.resolve(environment: links).issues.isEmpty)
        #expect(sample.resolve(environment: ["APUS_ROUTER_PORT": "tcp://10.0.0.1:8100"]).warnings.count == 1)

        var table = sample.table
        _ = table.option("router-port", .integer(0...65_535), default: 1, help: "A port.")
        let issues = table.resolve(arguments: [], environment: links, files: .holding([:])).issues
        #expect(issues.count == 1)
        #expect(issues.first?.remedy.contains("enableServiceLinks") == true)
    }
}

@Suite struct ConfigFileTests {
    let sample = Sample()

    private func resolve(_ json: String) -> Resolution { sample.resolve(["--config", "c.json"], files: ["c.json": json]) }

    @Test("names stand flat or under their prefix")
    func nesting() {
        for json in [#"{"queue-entries": 3, "queue-time": "5s"}"#, #"{"queue": {"entries": 3, "time": "5s"}}"#] {
            let resolution = resolve(json)
            #expect(resolution.issues.isEmpty)
            #expect(resolution.configuration[sample.queueEntries] == 3)
            #expect(resolution.configuration[sample.queueTime] == .seconds(5))
            #expect(resolution.configuration.origin(of: sample.queueEntries) == .file("c.json"))
        }
    }

    @Test("every kind of value has its JSON form")
    func kinds() {
        let resolution = resolve(
            #"""
            {"listen": "[::]:80", "router": ["tcp://a:1"], "queue-entries": 3, "body-limit": 2048, "overlap-weight": 0.5, "policy": "round-robin",
             "trace": true, "model-folder": "/m", "log-level": "debug"}
            """#)
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration[sample.bodyLimit] == 2_048)
        #expect(resolution.configuration[sample.weight] == 0.5)
        #expect(resolution.configuration[sample.policy] == .roundRobin)
        #expect(resolution.configuration[sample.modelFolder] == "/m")
        #expect(resolution.configuration[sample.trace])
        #expect(resolution.configuration[sample.table.standard.logLevel] == "debug")
    }

    @Test(
        "every mistake in a file is named at its key",
        arguments: [
            (#"{"queu-entries": 3}"#, "queu-entries (file c.json): there is no such option; did you mean queue-entries?"),
            (#"{"queue": {"entris": 3}}"#, "queue.entris (file c.json): there is no such option; did you mean queue-entries?"),
            (#"{"queue_entries": 3}"#, "queue_entries (file c.json): there is no such option; did you mean queue-entries?"),
            (
                #"{"queue": {"entries": 3}, "queue-entries": 3}"#,
                "queue-entries (file c.json): it is set twice, nested and not; set it once"
            ),
            (#"{"queue": {}}"#, "queue (file c.json): it is empty; remove it"),
            (#"{"queue-entries": null}"#, "queue-entries (file c.json): null and objects are no values"),
            (#"{"queue": {"entries": {"x": 1}}}"#, "queue.entries (file c.json): null and objects are no values"),
            (#"{"queue-entries": "3x"}"#, #"queue-entries (file c.json): "3x" is not a whole number; write a whole number, 1 to 1000000"#),
            (#"{"queue-entries": 3.5}"#, #"queue-entries (file c.json): "3.5" is not a whole number"#),
            (#"{"queue-entries": 99999999999999999999}"#, #"queue-entries (file c.json): "99999999999999999999" is not a whole number"#),
            (#"{"queue-entries": true}"#, "queue-entries (file c.json): true is not a whole number"),
            (#"{"queue-entries": [3]}"#, "queue-entries (file c.json): a list is not a whole number; write one value"),
            (#"{"queue-time": 5}"#, #"queue-time (file c.json): the number 5 has no unit; write it in quotes with a unit, such as "5s""#),
            (#"{"queue-time": "2h"}"#, #"queue-time (file c.json): "2h" is out of range; write a duration, 1ms to 1h"#),
            (#"{"body-limit": "1KB"}"#, #"body-limit (file c.json): "1KB" has an unknown unit"#),
            (#"{"overlap-weight": 101}"#, "overlap-weight (file c.json): 101.0 is out of range; write a number, 0.0 to 100.0"),
            (#"{"overlap-weight": "nan"}"#, #"overlap-weight (file c.json): "nan" is not a number"#),
            (#"{"overlap-weight": 1e999}"#, #"overlap-weight (file c.json): "1e999" is not a number"#),
            (
                #"{"policy": "cots"}"#,
                #"policy (file c.json): "cots" is not a known word; did you mean cost? write one of cost, random, round-robin"#
            ),
            (#"{"trace": "maybe"}"#, #"trace (file c.json): "maybe" is neither true nor false"#),
            (#"{"listen": 80}"#, #"listen (file c.json): the number 80 is not text; write it in quotes: "80""#),
            (#"{"router": "tcp://a:1"}"#, #"router (file c.json): a list is expected; write an array: ["…"]"#),
            (#"{"router": [["tcp://a:1"]]}"#, "router (file c.json): value 1: a list is not text"),
            (#"{"model-folder": ""}"#, "model-folder (file c.json): the path is empty"),
            (#"{"config": "d.json"}"#, "config (file c.json): it cannot stand in a file; give --config on the command line"),
            (#"{"help": true}"#, "help (file c.json): it cannot stand in a file; give --help on the command line"),
            (#"{"admin-token": "secret"}"#, "admin-token (file c.json): there is no such option"),
            ("[]", "config (file c.json): the file holds no JSON object"),
            ("", "config (file c.json): the file is not JSON:"),
            ("{\n  \"listen\": x}", "config (file c.json): the file is not JSON: listen: unexpected 'x' (line 2, column 13)"),
            (#"{"listen": "a:1", "listen": "a:1"}"#, "config (file c.json): the file is not JSON:"),
        ])
    func mistakes(json: String, expected: String) {
        let texts = resolve(json).texts
        #expect(texts.count == 1, "\(texts)")
        #expect(texts.first?.hasPrefix("error: " + expected) == true, "\(texts)")
    }

    @Test("a file that cannot be read is an error, and so is one that is too long")
    func unreadable() {
        #expect(
            sample.resolve(environment: ["APUS_CONFIG": "gone"]).texts == [
                #"error: config (file gone): "gone" cannot be read: No such file or directory; correct the path, or make the file readable"#
            ])
        let long = "{}" + String(repeating: " ", count: OptionLimits.configFileBytes)
        #expect(resolve(long).errors.count == 1)
        #expect(resolve(String(long.dropLast(2))).errors.isEmpty)
    }

    @Test("the flag's file outranks the variable's")
    func whichFile() {
        let files = ["a": #"{"queue-entries": 1}"#, "b": #"{"queue-entries": 2}"#]
        #expect(sample.resolve(["--config=a"], environment: ["APUS_CONFIG": "b"], files: files).configuration[sample.queueEntries] == 1)
        #expect(sample.resolve(environment: ["APUS_CONFIG": "b"], files: files).configuration[sample.queueEntries] == 2)
    }
}
