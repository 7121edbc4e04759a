/// Who may ask what the wall clock shows: it is set forward and back by others, so nothing may be timed by it.
enum ClockRules {
    static let all = [readers, systemClock]

    /// Each with what it needs a date for.
    static let places: [(path: String, why: String)] = [
        ("Sources/apps/wiretool/Watching/ClusterWatch.swift", "the time shown above a table"),
        ("Sources/services/EngineAdapters/Parity/TextParity.swift", "templates write today's date"),
        ("Sources/services/Dashboard/Dashboard.swift", "pages say when they were told"),
        ("Sources/services/Dashboard/Watching/ClusterPicture.swift", "points of charts are dated"),
        ("Sources/services/ProcessKit/Certificates/CertificateWatch.swift", "certificates end at a date"),
        ("Sources/services/ProcessKit/FileWatch.swift", "certificates are judged by the date at which they are read"),
        ("Sources/testing/ClusterHarness/Synthetic/SyntheticCluster.swift", "requests that ended are dated"),
        ("Sources/services/FrontendService/Frontend.swift", "answers and prompts are dated"),
        ("Sources/services/FrontendService/Cluster/ModelStore.swift", "lists of models are dated"),
        ("Sources/services/FrontendService/Request/Answer/ClientAnswer.swift", "answers are dated"),
        ("Sources/services/FrontendService/Request/RequestRecord.swift", "clients are told when their request came"),
        ("Sources/services/FrontendService/Sessions/FrontendSessions.swift", "cookies end at a date, since they outlive processes"),
        ("Sources/services/FrontendService/Warming/PrefixWarmer.swift", "templates write today's date"),
        ("Sources/services/ProcessKit/ProcessMain.swift", "log lines are dated"),
        ("Sources/services/ProcessKit/Tracing/Tracer.swift", "spans are dated"),
        ("Sources/io/HTTPServing/HTTPServer.swift", "the header date"),
        ("Sources/testing/ClusterHarness/Simulation/VirtualProcess.swift", "log lines are dated"),
    ]

    private static let words = ["wallClockMilliseconds", "wallClockNanoseconds"]

    private static let readers = Rule(
        "the wall clock dates things, and times nothing",
        instead: "take `loop.now`; what needs a date says why in ClockRules.places",
        bad: [
            .init("Sources/services/RouterService/A.swift", "let verdict = lines.admit(key, atMilliseconds: loop.wallClockMilliseconds)"),
            .init("Sources/stages/Engines/A.swift", "let now = loop.wallClockNanoseconds"),
        ],
        good: [
            .init("Sources/services/RouterService/A.swift", "let now = loop.now // not loop.wallClockMilliseconds"),
            .init("Sources/io/HTTPServing/HTTPServer.swift", "let date = loop.wallClockMilliseconds"),
        ],
        files: { file in Files.sources(but: "io/EventLoop")(file) && !places.contains { $0.path == file.path } }
    ) { file in
        guard let swift = file.swift else { return [] }
        return words.flatMap { word in swift.places(of: word).map { (swift.tokens[$0].line, "`\(word)`") } }
    }

    /// In C, where there is no loop.
    private static let systemClock = Rule(
        "C code waits by the clock that nobody sets", instead: "CLOCK_MONOTONIC; the wall clock is read in apus_wall_nanoseconds alone",
        bad: [.init("Sources/system/CSys/csys.c", "int f(void) {\n    clock_gettime(CLOCK_REALTIME, &until);\n}")],
        good: [
            .init(
                "Sources/system/CSys/csys.c",
                "int64_t apus_wall_nanoseconds(void) {\n    struct timespec now;\n    clock_gettime(CLOCK_REALTIME, &now);\n}\n"
                    + "f(CLOCK_MONOTONIC, &until);")
        ],
        files: { $0.path.hasPrefix("Sources/") && ($0.path.hasSuffix(".c") || $0.path.hasSuffix(".h")) }
    ) { file in
        var function = "", found: [(line: Int, what: String)] = []
        for (index, line) in file.lines.enumerated() {
            if let first = line.first, first.isLetter, line.contains("(") { function = String(line) }
            if line.contains("CLOCK_REALTIME"), !function.contains("apus_wall_nanoseconds(") { found.append((index + 1, "CLOCK_REALTIME")) }
        }
        return found
    }
}
