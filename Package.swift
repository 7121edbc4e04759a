// swift-tools-version: 6.2
import PackageDescription

// One target is one folder, one helper a layer; `Sources/README.md` is the map and states who may import whom.
// Build with `--explicit-target-dependency-import-check error` (deploy/dev/test does): then an undeclared import is an error.

/// Settings of every Swift target: Swift 6, warnings are errors, no implicit re-exports, `any` spelled out.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A plain async function runs where its caller runs: without it every call from the loop would visit the global pool.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Cursors over received bytes are non-escapable values.
    .enableExperimentalFeature("Lifetimes"),
    // Tests run with all checks. In what ships each read of an object's member would cost forty instructions more, a twentieth of a request.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    // Each function stands by itself, and none is kept for its being public: a program has what it calls, and not all of what it is linked with.
    .unsafeFlags(
        ["-Xfrontend", "-function-sections", "-Xfrontend", "-internalize-at-link"], .when(platforms: [.linux], configuration: .release)),
]

/// `APUS_FUZZ=1` builds every Swift target with coverage for libFuzzer; see `Tests/Fuzz`.
let fuzzing = Context.environment["APUS_FUZZ"] == "1"
let swiftSettings = strict + (fuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-O", "-assert-config", "Debug"])] : [])

/// Places where a simulation may do harm: in debug builds, and with `APUS_FAULT_POINTS=1` in a build folder of its own (`deploy/dev/simulate`).
let faultPoints: [SwiftSetting] = [
    Context.environment["APUS_FAULT_POINTS"] == "1"
        ? .define("FAULT_POINTS") : .define("FAULT_POINTS", .when(configuration: .debug))
]

func library(
    _ layer: String, _ name: String, _ uses: [Target.Dependency] = [], beside: [String] = [], settings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: uses, path: "Sources/\(layer)/\(name)", exclude: beside, swiftSettings: swiftSettings + settings)
}

/// For what computes, or runs for each event of a simulated cluster: it takes many times as long in plain code, and the tests would do little
/// else. Bounds, overflows and exclusive access are checked as in plain code, and assertions stay. Compiling takes longer: what is not much of the
/// tests' time is not worth it.
let computing: [SwiftSetting] = fuzzing ? [] : [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

/// A program needs nobody to find its functions by name, and its relocations fit into eight kilobytes: both together are 1.8 MB that each
/// process would keep resident. The toolchain's own linker packs them; the C library must be glibc 2.36 or later (Debian 12 has it).
let slim: [LinkerSetting] = [
    .unsafeFlags(
        ["-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"],
        .when(platforms: [.linux], configuration: .release))
]

func app(_ name: String, _ uses: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: uses, path: "Sources/apps/\(name)", swiftSettings: swiftSettings, linkerSettings: slim)
}

func shim(_ name: String) -> Target { .target(name: name, path: "Sources/system/\(name)") }

func tests(_ name: String, _ uses: [Target.Dependency], settings: [SwiftSetting] = []) -> Target {
    .testTarget(name: name, dependencies: uses, path: "Tests/\(name)", swiftSettings: swiftSettings + settings)
}

var targets: [Target] = [
    // system: C modules, each with exactly one importer
    .systemLibrary(name: "CNng", path: "Sources/system/CNng", providers: [.apt(["libnng-dev"])]),
    .systemLibrary(name: "CZstd", path: "Sources/system/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CPCRE2", path: "Sources/system/CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CTLS", path: "Sources/system/CTLS", providers: [.apt(["libmbedtls-dev"])]),
    shim("CXXH"),
    shim("CSys"),

    // base: vocabulary and process furniture
    library("base", "ClusterModel", ["CXXH"], settings: computing),
    library("base", "Concurrency"),
    library("base", "JSONText", settings: computing),
    library("base", "Telemetry", ["ClusterModel", "Concurrency"], settings: computing),
    library("base", "ServiceRuntime", ["JSONText", "Telemetry"]),

    // io: bytes ⇄ values
    library("io", "WireProtocol", ["CZstd", "ClusterModel"], settings: computing),
    library("io", "EventLoop", ["CSys", "ClusterModel", "Concurrency"], settings: faultPoints + computing),
    library("io", "Transport", ["CNng", "ClusterModel", "Concurrency", "EventLoop", "WireProtocol"], settings: computing),
    library("io", "TLS", ["CTLS", "EventLoop"]),
    library("io", "HTTPSyntax"),
    library("io", "HTTPServing", ["ClusterModel", "EventLoop", "HTTPSyntax"]),
    library("io", "HTTPClient", ["ClusterModel", "EventLoop", "HTTPSyntax"]),

    // stages: pure, values in and values out
    library("stages", "OpenAIDialect", ["ClusterModel", "JSONText"], beside: ["README.md"]),
    library("stages", "TextProcessing", ["CPCRE2", "ClusterModel", "Concurrency", "JSONText"]),
    library("stages", "RequestTracking", ["ClusterModel", "JSONText"]),
    library("stages", "Engines", ["ClusterModel", "JSONText"], settings: computing),
    library("stages", "Scheduling", ["ClusterModel", "JSONText"], settings: computing),

    // services: the effects, one library a process, and what they share
    library(
        "services", "ProcessKit",
        [
            "ClusterModel", "EventLoop", "HTTPClient", "HTTPServing", "JSONText", "ServiceRuntime", "TLS", "Telemetry", "Transport",
            "WireProtocol",
        ]),
    library("services", "StreamFollowing", ["ClusterModel", "EventLoop", "Transport", "WireProtocol"]),
    library(
        "services", "ClusterFollowing", ["ClusterModel", "EventLoop", "ProcessKit", "StreamFollowing", "Transport", "WireProtocol"]),
    library(
        "services", "Dashboard",
        [
            "ClusterFollowing", "ClusterModel", "EventLoop", "HTTPServing", "HTTPSyntax", "JSONText", "ProcessKit", "ServiceRuntime",
            "StreamFollowing", "Telemetry", "Transport", "WireProtocol",
        ],
        beside: ["Page/Source"]),
    library(
        "services", "FrontendService",
        [
            "ClusterModel", "Concurrency", "EventLoop", "HTTPServing", "JSONText", "OpenAIDialect", "ProcessKit", "RequestTracking",
            "Scheduling",
            "ServiceRuntime", "StreamFollowing", "TLS", "Telemetry", "TextProcessing", "Transport", "WireProtocol",
        ]),
    library("services", "EngineServing", ["ClusterModel", "Engines", "EventLoop", "WireProtocol"], settings: computing),
    library(
        "services", "EngineAdapters",
        [
            "ClusterModel", "EngineServing", "Engines", "EventLoop", "HTTPClient", "JSONText", "ServiceRuntime", "Telemetry",
            "TextProcessing", "WireProtocol",
        ]),
    library(
        "services", "WorkerService",
        [
            "ClusterModel", "Concurrency", "EngineAdapters", "EngineServing", "Engines", "EventLoop", "JSONText", "ProcessKit",
            "ServiceRuntime", "Telemetry", "TextProcessing", "Transport", "WireProtocol",
        ]),
    library(
        "services", "RouterService",
        [
            "ClusterModel", "EventLoop", "JSONText", "ProcessKit", "Scheduling", "ServiceRuntime", "StreamFollowing", "Telemetry",
            "Transport",
            "WireProtocol",
        ]),

    // testing: libraries for tests, never linked into the three executables
    library("testing", "TestSupport", ["ClusterModel", "EventLoop", "JSONText", "Transport", "WireProtocol"]),
    library(
        "testing", "ClusterHarness",
        [
            "ClusterModel", "Concurrency", "Engines", "EventLoop", "FrontendService", "JSONText", "ProcessKit", "RouterService",
            "ServiceRuntime", "StreamFollowing", "Telemetry", "TestSupport", "Transport", "WireProtocol", "WorkerService",
        ]),

    library(
        "testing", "LoadGeneration",
        ["ClusterModel", "EventLoop", "HTTPClient", "HTTPServing", "HTTPSyntax", "JSONText", "ServiceRuntime", "WireProtocol"]),
    library("testing", "FleetSimulation", ["ClusterModel", "Engines", "JSONText", "LoadGeneration", "Scheduling"]),

    // apps: @main only
    app("frontend", ["Dashboard", "FrontendService", "ProcessKit", "ServiceRuntime"]),
    app(
        "wiretool",
        [
            "ClusterFollowing", "ClusterHarness", "ClusterModel", "EventLoop", "JSONText", "LoadGeneration", "ProcessKit", "Scheduling",
            "ServiceRuntime", "StreamFollowing", "Telemetry", "TestSupport", "Transport", "WireProtocol",
        ]),
    app("router", ["ProcessKit", "RouterService", "ServiceRuntime", "WireProtocol"]),
    app(
        "loadgen",
        [
            "ClusterModel", "Engines", "EventLoop", "FleetSimulation", "JSONText", "LoadGeneration", "Scheduling", "ServiceRuntime",
            "WireProtocol",
        ]),
    app("workerd", ["EventLoop", "ProcessKit", "ServiceRuntime", "WorkerService"]),
    app("chaos", ["ClusterHarness", "ClusterModel", "EventLoop", "JSONText", "LoadGeneration", "ServiceRuntime", "WireProtocol"]),

    // benchmarks: Swift's loops beside the same loops in C; `deploy/dev/bench`
    .target(name: "CTwins", path: "Tests/Benchmarks/CTwins", linkerSettings: [.linkedLibrary("nng")]),
    .executableTarget(
        name: "benchmarks",
        dependencies: [
            "CTwins", "ClusterModel", "Engines", "EventLoop", "FleetSimulation", "HTTPClient", "HTTPServing", "JSONText", "LoadGeneration",
            "ProcessKit", "Scheduling", "ServiceRuntime", "Telemetry", "TextProcessing", "Transport", "WireProtocol", "WorkerService",
        ],
        path: "Tests/Benchmarks/Suite", swiftSettings: swiftSettings),

    // text beside that of other implementations; `deploy/dev/text-check`
    .executableTarget(
        name: "textcheck", dependencies: ["ClusterModel", "Engines", "JSONText", "TextProcessing"], path: "Tests/TextConformance/Suite",
        swiftSettings: swiftSettings),

    // the reference engine in a process of its own, for ProcessTests
    .executableTarget(
        name: "enginehelper", dependencies: ["ClusterModel", "EngineServing", "Engines", "EventLoop", "ServiceRuntime"],
        path: "Tests/Fixtures/EngineHelper", swiftSettings: swiftSettings),

    // tests: one folder a target, then the suites over the whole
    tests("ClusterHarnessTests", ["ClusterHarness", "ClusterModel", "EventLoop", "JSONText", "TestSupport"]),
    tests("ClusterModelTests", ["ClusterModel", "JSONText"]),
    tests(
        "EngineAdaptersTests",
        [
            "ClusterModel", "EngineAdapters", "EngineServing", "Engines", "EventLoop", "HTTPClient", "HTTPServing", "JSONText",
            "ServiceRuntime", "Telemetry", "TestSupport", "TextProcessing", "WireProtocol",
        ]),
    tests("ClusterFollowingTests", ["ClusterFollowing", "ClusterModel", "WireProtocol"]),
    tests(
        "DashboardTests",
        [
            "ClusterFollowing", "ClusterHarness", "ClusterModel", "Concurrency", "Dashboard", "EventLoop", "HTTPClient", "JSONText",
            "ProcessKit", "ServiceRuntime", "TLS", "Telemetry", "TestSupport", "Transport", "WireProtocol",
        ]),
    tests("EngineConformanceTests", ["ClusterModel", "Concurrency", "EngineServing", "Engines", "EventLoop", "WireProtocol"]),
    tests("EngineServingTests", ["ClusterModel", "EngineServing", "Engines", "EventLoop", "TestSupport", "WireProtocol"]),
    tests("EnginesTests", ["ClusterModel", "Engines", "JSONText"]),
    tests("EventLoopTests", ["ClusterModel", "Concurrency", "EventLoop", "TestSupport"]),
    tests(
        "FrontendServiceTests",
        [
            "ClusterModel", "Concurrency", "EventLoop", "FrontendService", "HTTPClient", "HTTPServing", "JSONText",
            "OpenAIDialect", "ProcessKit", "RequestTracking", "ServiceRuntime", "Telemetry", "TextProcessing", "Transport", "WireProtocol",
        ]),
    tests("HTTPClientTests", ["ClusterModel", "EventLoop", "HTTPClient", "HTTPServing", "TestSupport"]),
    tests("HTTPServingTests", ["ClusterModel", "Concurrency", "EventLoop", "HTTPServing", "HTTPSyntax", "JSONText", "TestSupport"]),
    tests(
        "FleetSimulationTests", ["ClusterModel", "Engines", "FleetSimulation", "JSONText", "LoadGeneration", "Scheduling", "TestSupport"]),
    tests(
        "LoadGenerationTests",
        ["ClusterModel", "EventLoop", "HTTPClient", "HTTPServing", "JSONText", "LoadGeneration", "TestSupport", "WireProtocol"]),
    tests("JSONTextTests", ["JSONText"]),
    tests("OpenAIDialectTests", ["ClusterModel", "JSONText", "OpenAIDialect"]),
    tests(
        "ProcessKitTests",
        [
            "ClusterModel", "Concurrency", "EventLoop", "HTTPClient", "HTTPServing", "JSONText", "ProcessKit", "ServiceRuntime", "TLS",
            "Telemetry", "TestSupport",
            "Transport", "WireProtocol",
        ]),
    tests(
        "RouterServiceTests",
        [
            "ClusterModel", "Concurrency", "EventLoop", "JSONText", "ProcessKit", "RouterService", "Scheduling", "ServiceRuntime",
            "StreamFollowing", "Telemetry", "TestSupport", "Transport", "WireProtocol",
        ]),
    tests("RequestTrackingTests", ["ClusterModel", "JSONText", "RequestTracking"]),
    tests("SchedulingTests", ["ClusterModel", "JSONText", "Scheduling"]),
    tests("ServiceRuntimeTests", ["ServiceRuntime", "JSONText"]),
    tests(
        "StreamFollowingTests",
        ["ClusterHarness", "ClusterModel", "EventLoop", "StreamFollowing", "Transport", "WireProtocol"]),
    tests("TLSTests", ["ClusterModel", "EventLoop", "TLS", "TestSupport"]),
    tests("TelemetryTests", ["ClusterModel", "Concurrency", "Telemetry"]),
    tests("TextProcessingTests", ["ClusterModel", "JSONText", "TextProcessing"]),
    tests("TransportTests", ["ClusterModel", "Concurrency", "EventLoop", "TestSupport", "Transport", "WireProtocol", "wiretool"]),
    tests("WireProtocolTests", ["WireProtocol", "ClusterModel", "JSONText", "TestSupport"]),
    tests(
        "WorkerServiceTests",
        [
            "ClusterModel", "Concurrency", "EngineAdapters", "Engines", "EventLoop", "JSONText", "ProcessKit", "ServiceRuntime",
            "Telemetry", "TestSupport", "TextProcessing", "Transport", "WireProtocol", "WorkerService",
        ]),
    tests(
        "ClusterTests",
        [
            "ClusterHarness", "ClusterModel", "Engines", "EventLoop", "ServiceRuntime", "StreamFollowing", "Telemetry", "TestSupport",
            "Transport", "WireProtocol", "WorkerService",
        ]),
    tests(
        "wiretoolTests",
        ["ClusterFollowing", "ClusterModel", "JSONText", "LoadGeneration", "ServiceRuntime", "WireProtocol", "wiretool"]),
    // The programs are dependencies so that they are built with the tests that start them.
    tests(
        "ProcessTests",
        [
            "ClusterHarness", "ClusterModel", "EventLoop", "HTTPClient", "HTTPServing", "JSONText", "LoadGeneration", "TestSupport",
            "enginehelper", "frontend", "loadgen", "router", "wiretool", "workerd",
        ]),
    // It reads all sources, each for many rules.
    tests("TidyTests", [], settings: computing),
]

if fuzzing {
    targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "CFuzzer", "ClusterModel", "EngineAdapters", "EngineServing", "Engines", "FrontendService", "HTTPClient", "HTTPServing",
                "JSONText", "LoadGeneration", "OpenAIDialect", "ProcessKit", "RouterService", "Scheduling", "ServiceRuntime", "Telemetry",
                "TLS", "TestSupport", "TextProcessing", "Transport", "WireProtocol", "WorkerService",
            ],
            path: "Tests/Fuzz", exclude: ["CFuzzer", "README.md", "corpus", "outside_seeds.py", "seeds.py"], swiftSettings: swiftSettings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]),
    ]
}

/// `APUS_LLAMA=FOLDER` adds the engine over llama.cpp, whose headers and libraries are in FOLDER, absolute; `deploy/engines/llama/setup` makes it.
if let llama = Context.environment["APUS_LLAMA"] {
    let headers: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-I\(llama)/include"])]
    // Beside the program first, where an installed one has them.
    let libraries: [LinkerSetting] = [
        .unsafeFlags([
            "-L\(llama)/lib", "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib", "-Xlinker", "-rpath", "-Xlinker", "\(llama)/lib",
        ])
    ]
    targets += [
        .systemLibrary(name: "CLlama", path: "Sources/system/CLlama"),
        .target(
            name: "LlamaEngine", dependencies: ["CLlama", "ClusterModel", "Engines"], path: "Sources/services/LlamaEngine",
            swiftSettings: swiftSettings + headers),
        .executableTarget(
            name: "engine-llama", dependencies: ["ClusterModel", "EngineServing", "Engines", "LlamaEngine", "ServiceRuntime"],
            path: "Sources/apps/engine-llama",
            swiftSettings: swiftSettings + headers, linkerSettings: slim + libraries),
        .testTarget(
            name: "LlamaEngineTests", dependencies: ["ClusterModel", "Engines", "LlamaEngine"], path: "Tests/LlamaEngineTests",
            swiftSettings: swiftSettings + headers, linkerSettings: libraries),
    ]
    for target in targets where target.name == "EngineConformanceTests" {
        target.dependencies.append("LlamaEngine")
        target.swiftSettings = swiftSettings + headers + [.define("APUS_LLAMA")]
        target.linkerSettings = libraries
    }
}

let package = Package(name: "apus", targets: targets)
