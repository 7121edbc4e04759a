/// Places in the code at which simulations do harm.
enum FaultPointRules {
    static let all: [Rule] = [listed, only]

    private static let list = "Sources/testing/ClusterHarness/Simulation/FaultPoints.swift"
    private static let mechanism = "Sources/io/EventLoop/Faults/"
    private static let define = "FAULT_POINTS"

    private static let listed = Rule(
        "fault points are listed",
        instead: "name the place in \(list) as in the code, once in either; a simulation never strikes where its list has another name",
        bad: [
            .init([
                (list, "\"a lease booked\","), ("Sources/services/A/A.swift", "loop.reaches(\"a lease booked\")\nloop.reaches(\"more\")"),
            ]),
            .init([(list, "\"a lease booked\",\n\"no room\","), ("Sources/services/A/A.swift", "loop.reaches(\"a lease booked\")")]),
            .init([(list, "\"one\","), ("Sources/services/A/A.swift", "loop.reaches(\"one\")\nloop.fails(at: \"one\")")]),
        ],
        good: [
            .init([
                (list, "\"a lease booked\",\n\"no room\","),
                (
                    "Sources/services/A/A.swift",
                    "loop.reaches(\"a lease booked\")\nif isFull || core.loop.fails(at: \"no room\") { return }"
                ),
            ])
        ]
    ) { tree in
        let named = tree.file(list)?.lines.compactMap(quoted) ?? []
        var places: [Rule.Place] = [], seen: Set<String> = []
        for file in tree.files where file.path.hasPrefix("Sources/") && file.path.hasSuffix(".swift") && !file.path.hasPrefix(mechanism) {
            for (number, line) in file.lines.enumerated() {
                for point in calls(in: line) {
                    if !named.contains(point) {
                        places.append(.init(path: file.path, line: number + 1, what: "\"\(point)\" is not listed"))
                    }
                    if !seen.insert(point).inserted {
                        places.append(.init(path: file.path, line: number + 1, what: "\"\(point)\" stands in two places"))
                    }
                }
            }
        }
        return places + named.filter { !seen.contains($0) }.map { .init(path: list, line: 0, what: "\"\($0)\" is nowhere") }
    }

    private static let only = Rule(
        "\(define) is known to one module", instead: "call `loop.reaches` or `loop.fails`, which are nothing in what ships",
        bad: [.init("Sources/services/A/A.swift", "#if \(define)\n#endif")],
        good: [.init("Sources/io/EventLoop/Loop.swift", "#if \(define)\n#endif")], files: Files.swift
    ) { file in
        guard !file.path.hasPrefix("Sources/io/EventLoop/"), !file.path.hasPrefix("Tests/TidyTests/"), file.path != "Package.swift" else {
            return []
        }
        return file.lines.enumerated().filter { $0.element.contains(define) }.map { ($0.offset + 1, define) }
    }

    /// What a line of the list names.
    private static func quoted(_ line: Substring) -> String? {
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].allSatisfy(\.isWhitespace) && parts[2] == "," ? String(parts[1]) : nil
    }

    private static func calls(in line: Substring) -> [String] {
        ["reaches(\"", "fails(at: \""].flatMap { call in
            let parts = line.split(separator: call, omittingEmptySubsequences: false).dropFirst()
            return parts.compactMap { $0.split(separator: "\"", omittingEmptySubsequences: false).first.map(String.init) }
        }
    }
}
