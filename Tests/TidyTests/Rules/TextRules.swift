/// What must not be committed, wherever it stands: in code, comments, strings, scripts or documents.
enum TextRules {
    static let all: [Rule] = [unfinished, machines, neighbours]

    @Sendable private static func isOurText(_ file: Tree.File) -> Bool { !file.path.hasPrefix("Tests/TidyTests/") }

    private static func lines(of file: Tree.File, where holds: (Substring) -> Bool) -> [Int] {
        file.lines.enumerated().filter { holds($0.element) }.map { $0.offset + 1 }
    }

    private static let unfinished = Rule(
        "nothing is left for later", instead: "finish it, or state the limit in the documents",
        bad: [
            .init("Sources/io/Transport/A.swift", "// TODO: later"), .init("deploy/dev/setup", "# FIXME"),
            .init("README.md", "not implemented yet XXX"),
        ],
        good: [.init("Sources/io/Transport/A.swift", "let mastodons = 1 // METHODOLOGY, xxx, todo")], files: isOurText
    ) { file in
        lines(of: file) { line in
            let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            return words.contains { ["TODO", "FIXME", "XXX", "HACK"].contains($0) }
        }.map { ($0, "a mark of unfinished work") }
    }

    /// Where machines have the folders of people: of them no file of ours knows.
    private static let homes = ["home", "root", "work", "Users"].map { "/\($0)/" }

    private static let machines = Rule(
        "no paths of one machine", instead: "derive the path, or take it as an option",
        bad: [
            .init("Sources/apps/wiretool/A.swift", "let path = \"\(homes[0])me/key\""),
            .init("Sources/io/Transport/A.swift", "// see /tmp/x"),
            .init("Tests/ATests/A.swift", "\"\(homes[1]).cache\""), .init("deploy/dev/test", "cd \(homes[3])me/apus"),
        ],
        good: [
            .init("Sources/io/Transport/A.swift", "let a = b/root/c // the /homes of tmp/ files"),
            .init("Tests/ATests/A.swift", "let folder = \"/tmp/apus-test\""), .init("deploy/dev/test", "readonly work=/tmp/x"),
        ],
        files: isOurText
    ) { file in
        let roots = homes + (file.path.hasPrefix("Sources/") ? ["/tmp/"] : [])
        return lines(of: file) { line in roots.contains { stands($0, in: line) } }.map { ($0, "an absolute path of one machine") }
    }

    /// Whether `root` begins a path in `line`: nothing of a path stands before it.
    private static func stands(_ root: String, in line: Substring) -> Bool {
        line.ranges(of: root).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !before.isLetter && !before.isNumber && !"._-~*}".contains(before)
        }
    }

    private static let neighbours = Rule(
        "the repository stands alone", instead: "cite proto-spec, or write here what is needed",
        bad: [.init("Sources/io/Transport/A.swift", "// as ../shared/DESIGN.md says"), .init("README.md", "see ../../shared/notes")],
        good: [.init("README.md", "see [the map](Sources/README.md) and shared/ parts")], files: isOurText
    ) { file in lines(of: file) { $0.contains("../shared") }.map { ($0, "a file outside the repository") } }
}
