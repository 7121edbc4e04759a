/// Who may import whom: one table, as `Sources/README.md` draws it. The build refuses what `Package.swift` does not declare; this refuses to declare it.
enum ImportRules {
    static let all: [Rule] = [modules, layers, testability]

    /// Dangerous or foreign modules, and the folders of `Sources` that may import them.
    private static let importers: [String: [String]] = [
        "CNng": ["io/Transport"], "CZstd": ["io/WireProtocol"], "CSys": ["io/EventLoop"], "CXXH": ["base/ClusterModel"],
        "CPCRE2": ["stages/TextProcessing"], "CTLS": ["io/TLS"], "CLlama": ["services/LlamaEngine"],
        "Glibc": ["io", "base/ServiceRuntime", "base/Telemetry", "base/Concurrency", "apps", "testing"],
        // Atomics of counters; everything else that threads share is in one `Lock`.
        "Synchronization": ["base/Telemetry", "base/ServiceRuntime", "base/Concurrency"],
        "Testing": [], "Foundation": [], "FoundationEssentials": [], "Dispatch": [], "XCTest": [], "Darwin": [],
    ]

    /// Targets of base and io, each with what it may import of ours; io may import what stands here and no more.
    private static let foundations: [String: Set<String>] = [
        "ClusterModel": [], "Concurrency": [], "JSONText": [], "Telemetry": ["ClusterModel", "Concurrency"],
        "ServiceRuntime": ["JSONText", "Telemetry", "Concurrency"],
        "WireProtocol": ["ClusterModel"], "EventLoop": ["ClusterModel", "Concurrency"],
        "Transport": ["ClusterModel", "Concurrency", "EventLoop", "WireProtocol"],
        "TLS": ["ClusterModel", "EventLoop"], "HTTPSyntax": [], "HTTPServing": ["ClusterModel", "Concurrency", "EventLoop", "HTTPSyntax"],
        "HTTPClient": ["ClusterModel", "Concurrency", "EventLoop", "HTTPSyntax"],
        "ZeroMQ": ["ClusterModel", "Concurrency", "EventLoop"],
    ]
    private static let stages: Set = ["OpenAIDialect", "TextProcessing", "RequestTracking", "KVIndexing", "Scheduling", "Engines"]
    private static let services: Set = [
        "ProcessKit", "FrontendService", "RouterService", "WorkerService", "EngineAdapters", "StreamFollowing", "TraceExport",
        "ClusterFollowing",
        "Dashboard",
        "EngineServing", "LlamaEngine",
    ]
    private static let testing: Set = ["TestSupport", "ClusterHarness", "LoadGeneration", "FleetSimulation"]
    private static let appsForTesting: Set = ["chaos", "loadgen", "wiretool"]

    private struct Import {
        let line: Int
        let module: String
        let isTestable: Bool
    }

    private static func imports(_ file: Tree.File) -> [Import] {
        guard let swift = file.swift else { return [] }
        return swift.places(of: "import").compactMap { index in
            guard var module = swift.text(at: index + 1), swift.text(at: index - 1) != "." else { return nil }
            // `import struct Glibc.stat` names the module second.
            if ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"].contains(module) {
                module = swift.text(at: index + 2) ?? module
            }
            let line = swift.tokens[index].line
            let isTestable = swift.tokens[..<index].reversed().prefix { $0.line == line }.contains { $0.text == "testable" }
            return Import(line: line, module: module, isTestable: isTestable)
        }
    }

    /// `io` and `Transport` of `Sources/io/Transport/…`.
    private static func home(_ file: Tree.File) -> (layer: String, target: String) {
        let parts = file.path.split(separator: "/").map(String.init)
        return parts.count > 3 ? (parts[1], parts[2]) : ("", "")
    }

    private static func isOurs(_ module: String) -> Bool {
        foundations[module] != nil || stages.contains(module) || services.contains(module) || testing.contains(module)
    }

    private static let modules = Rule(
        "each C module has one importer, and nothing foreign comes in",
        instead: "call the target that wraps it (the table is in Tests/TidyTests/Rules/ImportRules.swift)",
        bad: [
            .init("Sources/io/EventLoop/A.swift", "internal import CNng"), .init("Sources/services/RouterService/A.swift", "import CZstd"),
            .init("Sources/stages/Scheduling/A.swift", "import Glibc"), .init("Sources/apps/wiretool/A.swift", "import Foundation"),
            .init("Sources/base/JSONText/A.swift", "import struct Foundation.Data"),
            .init("Sources/base/ClusterModel/A.swift", "import Collections"),
            .init("Sources/io/HTTPServing/A.swift", "package import NIOCore"),
        ],
        good: [
            .init("Sources/io/Transport/A.swift", "internal import CNng\nimport Glibc"),
            .init("Sources/base/ClusterModel/A.swift", "import CXXH // not CNng"),
            .init("Sources/io/EventLoop/A.swift", "let text = \"import Foundation\"\npackage import ClusterModel"),
        ],
        files: Files.sources
    ) { file in
        let (layer, target) = home(file)
        return imports(file).compactMap { found in
            if let folders = importers[found.module] {
                return folders.contains(layer) || folders.contains("\(layer)/\(target)")
                    ? nil : (found.line, "\(layer)/\(target) imports \(found.module)")
            }
            return isOurs(found.module) ? nil : (found.line, "\(found.module) is in no table: neither ours nor let in")
        }
    }

    private static let layers = Rule(
        "imports go down the layers",
        instead: "pass the value in from above, or move what both need down (the order of layers is in Sources/README.md)",
        bad: [
            .init("Sources/stages/Scheduling/A.swift", "import Telemetry"), .init("Sources/stages/Scheduling/A.swift", "import KVIndexing"),
            .init("Sources/io/WireProtocol/A.swift", "import EventLoop"), .init("Sources/io/EventLoop/A.swift", "import Transport"),
            .init("Sources/base/ClusterModel/A.swift", "import JSONText"), .init("Sources/base/Telemetry/A.swift", "import EventLoop"),
            .init("Sources/stages/Scheduling/A.swift", "import Concurrency"),
            .init("Sources/services/RouterService/A.swift", "import TestSupport"),
            .init("Sources/apps/router/A.swift", "import TestSupport"),
            .init("Sources/services/RouterService/A.swift", "import WorkerService"),
            .init("Sources/io/Transport/A.swift", "import Scheduling"),
            .init("Sources/io/NewThing/A.swift", "import WireProtocol"),
        ],
        good: [
            .init("Sources/stages/Scheduling/A.swift", "package import ClusterModel\nimport JSONText"),
            .init("Sources/stages/TextProcessing/A.swift", "import Concurrency"),
            .init("Sources/services/RouterService/A.swift", "import Scheduling\nimport Transport\nimport Telemetry"),
            .init("Sources/services/WorkerService/A.swift", "import EngineAdapters"),
            .init("Sources/apps/wiretool/A.swift", "import TestSupport\nimport Transport"),
            .init("Sources/testing/TestSupport/A.swift", "import RouterService"),
            .init("Sources/io/Transport/A.swift", "import WireProtocol"),
        ],
        files: Files.sources
    ) { file in
        let (layer, target) = home(file)
        return imports(file).filter { isOurs($0.module) && !mayImport($0.module, layer: layer, target: target) }
            .map { ($0.line, "\(layer)/\(target) imports \($0.module)") }
    }

    /// What several processes share; the others are a process each, and know nothing of one another.
    private static let sharedServices: Set = [
        "ProcessKit", "EngineAdapters", "EngineServing", "StreamFollowing", "ClusterFollowing", "TraceExport",
    ]

    private static func mayImport(_ module: String, layer: String, target: String) -> Bool {
        switch layer {
        case "base", "io": foundations[target]?.contains(module) ?? false
        // A tokenizer hands its encoders from thread to thread.
        case "stages": module == "ClusterModel" || module == "JSONText" || (module == "Concurrency" && target == "TextProcessing")
        case "services":
            !testing.contains(module) && (!services.contains(module) || sharedServices.contains(module))
        case "apps": !testing.contains(module) || appsForTesting.contains(target)
        case "testing": true
        default: false
        }
    }

    private static let testability = Rule(
        "sources have one face", instead: "make it `package` if another target needs it",
        bad: [
            .init("Sources/services/RouterService/A.swift", "@testable import Scheduling"),
            .init("Sources/io/Transport/A.swift", "@testable package import EventLoop"),
        ],
        good: [
            .init("Tests/TransportTests/A.swift", "@testable import Transport"),
            .init("Sources/io/Transport/A.swift", "import EventLoop // @testable import"),
        ],
        files: Files.sources
    ) { file in imports(file).filter(\.isTestable).map { ($0.line, "`@testable import \($0.module)`") } }
}
