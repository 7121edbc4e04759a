import ServiceRuntime
import Testing

@Suite struct CommandLineTests {
    let sample = Sample()

    @Test("a value follows its flag after a space or an equals sign")
    func bothForms() {
        let spaced = sample.resolve(["--queue-entries", "7", "--queue-time", "250ms"])
        let joined = sample.resolve(["--queue-entries=7", "--queue-time=250ms"])
        for resolution in [spaced, joined] {
            #expect(resolution.issues.isEmpty)
            #expect(resolution.configuration[sample.queueEntries] == 7)
            #expect(resolution.configuration[sample.queueTime] == .milliseconds(250))
            #expect(resolution.configuration.origin(of: sample.queueTime) == .flag)
        }
    }

    @Test("everything unsaid has its default")
    func defaults() {
        let resolution = sample.resolve()
        let configuration = resolution.configuration
        #expect(resolution.issues.isEmpty)
        #expect(configuration[sample.listen] == "127.0.0.1:8000")
        #expect(configuration[sample.routers] == [])
        #expect(configuration[sample.policy] == .cost)
        #expect(configuration[sample.weight] == 1)
        #expect(configuration[sample.modelFolder] == nil)
        #expect(configuration[sample.trace] == false)
        #expect(configuration[sample.table.standard.logFormat] == .auto)
        #expect(configuration.origin(of: sample.listen) == .default)
    }

    @Test(
        "a switch is turned on, off, and set",
        arguments: [(["--trace"], true), (["--no-trace"], false), (["--trace=no"], false), (["--trace=1"], true)])
    func switches(arguments: [String], expected: Bool) {
        let resolution = sample.resolve(arguments)
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration[sample.trace] == expected)
    }

    @Test("a switch takes no following word")
    func switchLeavesNextWord() {
        #expect(
            sample.resolve(["--trace", "false"]).texts == [
                #"error: "false" (flag): this argument belongs to no option; options begin with two dashes; see --help"#
            ])
    }

    @Test("a list gathers repeated flags and commas, in order")
    func lists() {
        let resolution = sample.resolve(["--router", "tcp://a:1,tcp://b:2", "--router=tcp://c:3"])
        #expect(resolution.issues.isEmpty)
        #expect(resolution.configuration[sample.routers] == ["tcp://a:1", "tcp://b:2", "tcp://c:3"])
    }

    @Test("an empty list can be said, and outranks the environment")
    func emptyList() {
        let resolution = sample.resolve(["--router="], environment: ["APUS_ROUTER": "tcp://a:1"])
        #expect(resolution.configuration[sample.routers] == [])
        #expect(resolution.configuration.origin(of: sample.routers) == .flag)
    }

    @Test("a list names each of its mistakes, and is bounded")
    func listMistakes() throws {
        let mistakes = sample.resolve(["--router", "tcp://a:1,b,,tcp://c:0"]).texts
        #expect(mistakes == [#"error: --router (flag): 4 values are given; give 0 to 3"#])
        let places = sample.resolve(["--router", "b,tcp://a:1,tcp://c:0"]).texts
        try #require(places.count == 2)
        #expect(places[0].contains("value 1: \"b\""))
        #expect(places[1].contains("value 3: \"tcp://c:0\" has port 0"))
    }

    @Test("an option that is no list is given once")
    func repeated() {
        let resolution = sample.resolve(["--queue-entries", "1", "--queue-entries", "2", "--queue-entries", "3", "--trace", "--no-trace"])
        #expect(
            resolution.texts == [
                "error: --queue-entries (flag): it is given more than once; give it once",
                "error: --trace (flag): it is given more than once; give it once",
            ])
    }

    @Test(
        "an unknown flag is an error that names the nearest",
        arguments: [
            ("--lisen=x", "--lisen (flag): there is no such option; did you mean --listen?"),
            ("--queue_entries=5", "--queue_entries (flag): there is no such option; did you mean --queue-entries?"),
            ("--no-trac", "--no-trac (flag): there is no such option; did you mean --no-trace?"),
            ("-listen", "-listen (flag): there is no such option; did you mean --listen?"),
            ("--no-listen", "--no-listen (flag): there is no such option"),
            ("--lsiten=x", "--lsiten (flag): there is no such option; did you mean --listen?"),
            ("--poliicy=x", "--poliicy (flag): there is no such option; did you mean --policy?"),
            ("--hlep", "--hlep (flag): there is no such option; did you mean --help?"),
            ("--xyzzy", "--xyzzy (flag): there is no such option; see --help"),
            ("--Listen", "--Listen (flag): there is no such option; did you mean --listen?"),
            ("--liste\u{1B}[31m", #"--liste\u{1b}[31m (flag): there is no such option"#),
        ])
    func unknown(argument: String, expected: String) {
        let texts = sample.resolve([argument]).texts
        #expect(texts.count == 1)
        #expect(texts.first?.hasPrefix("error: " + expected) == true, "\(texts)")
    }

    @Test("the value of an unknown flag is not a second mistake")
    func unknownWithValue() { #expect(sample.resolve(["--lisen", "tcp://x:1", "--trace"]).issues.count == 1) }

    @Test(
        "a flag without its value is an error, also before another flag",
        arguments: [["--listen"], ["--listen", "--trace"], ["--listen", "--"]])
    func missingValue(arguments: [String]) {
        #expect(sample.resolve(arguments).texts.first == "error: --listen (flag): no value follows; write --listen=ADDRESS")
    }

    @Test("a negative number is a value and not a flag")
    func negative() {
        #expect(
            sample.resolve(["--queue-entries", "-5"]).texts == [
                "error: --queue-entries (flag): -5 is out of range; write a whole number, 1 to 1000000"
            ])
    }

    @Test("operands are refused unless the process takes some")
    func operands() {
        #expect(sample.resolve(["word"]).errors.count == 1)
        #expect(sample.resolve(["--", "word"]).errors.count == 1)
        #expect(sample.resolve(["--"]).errors.isEmpty)

        let anywhere = Sample(operands: .anywhere(usage: "COMMAND")).resolve(["load", "--trace", "file", "--", "--listen"])
        #expect(anywhere.errors.isEmpty)
        #expect(anywhere.configuration.operands == ["load", "file", "--listen"])

        let after = Sample(operands: .afterTerminator(usage: "ENGINE…"))
        #expect(after.resolve(["--", "vllm", "--port", "1"]).configuration.operands == ["vllm", "--port", "1"])
        #expect(after.resolve(["vllm"]).errors.count == 1)
    }
}
