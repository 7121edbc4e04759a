/// Where things stand.
enum LayoutRules {
    static let all: [Rule] = [noMainFile, length, mirrors, map, sharedNumbers]

    private static let noMainFile = Rule(
        "programs begin at @main", instead: "write a type with `@main` in Main.swift: top-level code is isolated to the main actor",
        bad: [.init("Sources/apps/router/main.swift", "run()")], good: [.init("Sources/apps/router/Main.swift", "@main struct Main {}")],
        files: Files.swift
    ) { file in file.name == "main.swift" ? [(0, "a file of top-level code")] : [] }

    /// Past this a reader no longer finds each part where its name says.
    private static let mostLines = 500

    private static let length = Rule(
        "files are short", instead: "split it by what its parts are: one main type a file, 50 to 300 lines",
        bad: [.init("Sources/io/Transport/A.swift", String(repeating: "let a = 1\n", count: mostLines + 1))],
        good: [.init("Sources/io/Transport/A.swift", String(repeating: "let a = 1\n", count: mostLines))], files: Files.swift
    ) { file in
        let count = file.swift?.lineCount ?? 0
        return count > mostLines ? [(0, "\(count) lines")] : []
    }

    /// Suites over the whole, which have no target of their own name.
    private static let overall: Set = ["TidyTests", "ClusterTests", "ProcessTests", "EngineConformanceTests"]
    private static let noTests: Set = [
        "Fuzz", "Benchmarks", "Fixtures", "TextConformance", "GoldenClients", "Edge", "EnginePeers", "DeploymentKit", "Guides",
        "Dashboard", "Soak", "Canaries", "Hardened", "Overload", "RealCluster",
    ]

    private static let mirrors = Rule(
        "tests mirror targets", instead: "name the folder after its target with `Tests` behind, and declare it in Package.swift",
        bad: [
            .init([("Tests/GoneTests/A.swift", ""), ("Package.swift", "tests(\"GoneTests\", [])")]),
            .init([("Tests/TransportTests/A.swift", ""), ("Sources/io/Transport/A.swift", ""), ("Package.swift", "")]),
            .init([("Tests/Helpers/A.swift", ""), ("Package.swift", "tests(\"Helpers\", [])")]),
        ],
        good: [
            .init([
                ("Tests/TransportTests/A.swift", ""), ("Sources/io/Transport/A.swift", ""), ("Tests/TidyTests/A.swift", ""),
                ("Tests/Fuzz/Main.swift", ""),
                ("Package.swift", "tests(\"TransportTests\", [\"Transport\"]), tests(\"TidyTests\", [])"),
            ])
        ]
    ) { tree in
        let targets = Set(tree.folders(in: "Sources").flatMap { tree.folders(in: "Sources/\($0)") })
        let manifest = tree.file("Package.swift")?.text ?? ""
        return tree.folders(in: "Tests").filter { !noTests.contains($0) }.compactMap { folder in
            let path = "Tests/\(folder)"
            if !overall.contains(folder), !folder.hasSuffix("Tests") || !targets.contains(String(folder.dropLast(5))) {
                return Rule.Place(path: path, line: 0, what: "no target of that name")
            }
            return manifest.contains("\"\(folder)\"") ? nil : Rule.Place(path: path, line: 0, what: "it is not in Package.swift")
        }
    }

    private static let map = Rule(
        "the map shows every target", instead: "give it a line in Sources/README.md, and take out what is gone",
        bad: [
            .init([("Sources/README.md", "`io/Transport`"), ("Sources/io/Transport/A.swift", ""), ("Sources/io/HTTPServing/A.swift", "")]),
            .init([("Sources/README.md", "`io/Transport` `io/Gone`"), ("Sources/io/Transport/A.swift", "")]),
        ],
        good: [
            .init([
                ("Sources/README.md", "| `io/Transport` | x |\n`CNng`"), ("Sources/io/Transport/A.swift", ""),
                ("Sources/system/CNng/shim.h", ""),
            ])
        ]
    ) { tree in
        guard let map = tree.file("Sources/README.md") else { return [] }
        let layers = tree.folders(in: "Sources").filter { $0 != "system" }
        let there = Set(layers.flatMap { layer in tree.folders(in: "Sources/\(layer)").map { "\(layer)/\($0)" } })
        // Names in backquotes that begin with a layer's name and have one more part.
        let shown = Set(
            map.text.split(separator: "`", omittingEmptySubsequences: false).map(String.init).filter { name in
                let parts = name.split(separator: "/", omittingEmptySubsequences: false)
                return parts.count == 2 && !parts[1].isEmpty && (layers.contains(String(parts[0])))
            })
        return there.subtracting(shown).sorted().map { Rule.Place(path: map.path, line: 0, what: "`\($0)` is missing") }
            + shown.subtracting(there).sorted().map { Rule.Place(path: map.path, line: 0, what: "`\($0)` does not exist") }
    }

    private static let limits = ("Sources/io/WireProtocol/Limits.swift", "static let messageBytes = 16 << 20\nstatic let small = 1 << 10")

    /// Sizes and durations that a table of limits names are not written out again beside it; a number that has a name of its own may be equal.
    private static let sharedNumbers = Rule(
        "a limit stands in one place",
        instead: "use the constant, so that the table with its reasons stays true, or give the number its own name",
        bad: [
            .init([limits, ("Sources/io/Transport/Link.swift", "guard count <= 16 << 20 else { return }")]),
            .init([
                ("Sources/io/Transport/Contract/TransportLimits.swift", "static let dial = Duration.seconds(5)"),
                ("Sources/io/Transport/Link.swift", "loop.schedule(after: .seconds(5)) {}"),
            ]),
        ],
        good: [
            .init([
                limits,
                ("Sources/io/Transport/Link.swift", "guard count <= Limits.messageBytes else { return } // 16 << 20\nlet bit = 1 << 10"),
            ]),
            .init([limits, ("Sources/io/EventLoop/Loop.swift", "f(16 << 20)")]),
            .init([limits, ("Sources/io/Transport/Link.swift", "private static let boxBytes = 16 << 20")]),
            .init([
                ("Sources/io/Transport/Contract/TransportLimits.swift", "static let dial = Duration.seconds(5)"),
                ("Sources/services/ProcessKit/Options.swift", "a.option(\"wait\", .duration(.seconds(5)...(.seconds(9))))"),
            ]),
        ]
    ) { tree in
        let tables = tree.files.filter { ["Limits.swift", "TransportLimits.swift"].contains($0.name) && $0.path.hasPrefix("Sources/io/") }
        let named = Dictionary(grouping: tables.flatMap { constants($0.swift) }, by: \.phrase).sorted { $0.key < $1.key }
        let covered = tree.files.filter { file in
            Files.sources(in: "io/WireProtocol", "io/Transport", "services")(file) && !tables.contains { $0.path == file.path }
        }
        return covered.flatMap { file -> [Rule.Place] in
            guard let swift = file.swift else { return [] }
            // The bounds of an option's values are the option's own, and stand in one place with it.
            let declared = Set(swift.tokens.filter { ["let", "var", "get", "duration"].contains($0.text) }.map(\.line))
            return named.flatMap { phrase, constants in
                swift.places(of: phrase).map { swift.tokens[$0].line }.filter { !declared.contains($0) }.map { line in
                    let names = constants.map(\.name).joined(separator: ", ")
                    return Rule.Place(path: file.path, line: line, what: "`\(WordRules.spelled(phrase))` is the value of \(names)")
                }
            }
        }
    }

    /// `static let name = N << M` and `= Duration.unit(n)`; powers of two written `1 << n` are bits as often as sizes.
    private static func constants(_ swift: SwiftText?) -> [(name: String, phrase: String)] {
        guard let swift else { return [] }
        return swift.places(of: "static let").compactMap { index in
            guard let name = swift.text(at: index + 2), swift.text(at: index + 3) == "=" else { return nil }
            let value = (4...9).map { swift.text(at: index + $0) ?? "" }
            if value[1] == "<", value[2] == "<", value[0] != "1" { return (name, value[0...3].joined(separator: " ")) }
            if value[0] == "Duration", value[1] == "." { return (name, value[1...5].joined(separator: " ")) }
            return nil
        }
    }
}
