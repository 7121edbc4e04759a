/// What code and documents cite exists.
enum CitationRules {
    static let all: [Rule] = [specification, links]

    private static let chapter = (
        path: "proto-spec/01-header.md", text: "# 1 Header\n\n## The `kind` & flags\n\n```\n# no heading\n```\n## Twice\n## Twice\n"
    )

    private static let specification = Rule(
        "cited sections of the specification exist", instead: "cite the section that says it, or write it",
        bad: [
            .init([chapter, ("Sources/io/WireProtocol/A.swift", "/// `proto-spec/01-header.md#flags`.")]),
            .init([chapter, ("Tests/ATests/A.swift", "// proto-spec/09-nothing.md")]),
            .init([chapter, ("Sources/io/WireProtocol/A.swift", "/// proto-spec/01-header.md#no-heading")]),
        ],
        good: [
            .init([
                chapter,
                ("Sources/io/WireProtocol/A.swift", "/// `proto-spec/01-header.md#the-kind--flags`, proto-spec/01-header.md#twice-1."),
            ]),
            .init([chapter, ("Sources/io/WireProtocol/A.swift", "/// See `proto-spec/01-header.md`.")]),
        ]
    ) { tree in
        tree.files.filter { $0.swift != nil && !$0.path.hasPrefix("Tests/TidyTests/") }.flatMap { file in
            file.lines.enumerated().flatMap { number, line in
                citations(in: line).filter { !leads(to: $0, in: tree) }.map {
                    Rule.Place(path: file.path, line: number + 1, what: "`\($0)` does not exist")
                }
            }
        }
    }

    /// `proto-spec/NAME.md`, with or without `#anchor`.
    private static func citations(in line: Substring) -> [String] {
        line.ranges(of: "proto-spec/").compactMap { range in
            let text = line[range.lowerBound...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "/-_.#".contains($0)) }
            let trimmed = String(text.reversed().drop { $0 == "." || $0 == "#" }.reversed())
            return trimmed.contains(".md") ? trimmed : nil
        }
    }

    private static func leads(to target: String, in tree: Tree) -> Bool {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let file = tree.file(parts[0]) else { return parts.count == 1 && tree.hasFolder(parts[0]) }
        return parts.count == 1 || anchors(of: file).contains(parts[1])
    }

    /// The anchors of a document's headings, as GitHub makes them.
    static func anchors(of file: Tree.File) -> Set<String> {
        var seen: [String: Int] = [:], isCode = false, all: Set<String> = []
        for line in file.lines {
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode, line.hasPrefix("#") else { continue }
            let title = line.drop { $0 == "#" }
            guard title.first == " " else { continue }
            let slug = slug(title.dropFirst())
            all.insert(seen[slug].map { "\(slug)-\($0)" } ?? slug)
            seen[slug, default: 0] += 1
        }
        return all
    }

    static func slug(_ title: some StringProtocol) -> String {
        var slug = ""
        for character in title.lowercased() {
            if character == " " {
                slug += "-"
            } else if character.isLetter || character.isNumber || "-_".contains(character) {
                slug.append(character)
            }
        }
        return slug
    }

    private static let links = Rule(
        "links in documents lead somewhere", instead: "name a file of the repository, from the document's own folder",
        bad: [
            .init([chapter, ("README.md", "see [it](proto-spec/02-gone.md)")]),
            .init([chapter, ("README.md", "[a](proto-spec/01-header.md#gone)")]),
            .init([chapter, ("proto-spec/README.md", "[a](proto-spec/01-header.md)")]), .init("README.md", "# A\n[b](#c)"),
        ],
        good: [
            .init([
                chapter, ("README.md", "[a](proto-spec/01-header.md#twice) [web](https://example.org/x) [folder](proto-spec) ```[b](c)```"),
            ]),
            .init([chapter, ("proto-spec/README.md", "# A b\n[a](01-header.md) [b](../README.md) [c](#a-b)"), ("README.md", "x")]),
            .init("README.md", "```\n[b](c)\n```\n`[d](e)`"),
        ]
    ) { tree in
        tree.files.filter { $0.path.hasSuffix(".md") }.flatMap { file in
            targets(in: file).filter { !resolves($0.target, from: file, in: tree) }.map {
                Rule.Place(path: file.path, line: $0.line, what: "`\($0.target)` leads nowhere")
            }
        }
    }

    /// Files that stand in the repository's root and are no text of ours.
    private static let known: Set = ["LICENSE", ".swift-format"]

    private static func resolves(_ target: String, from file: Tree.File, in tree: Tree) -> Bool {
        if target.contains("://") || target.hasPrefix("mailto:") { return true }
        if target.hasPrefix("#") { return anchors(of: file).contains(String(target.dropFirst())) }
        var parts = file.path.split(separator: "/").dropLast().map(String.init)
        let halves = target.split(separator: "#", maxSplits: 1).map(String.init)
        for part in halves[0].split(separator: "/") {
            if part == ".." {
                guard parts.popLast() != nil else { return false }
            } else if part != "." {
                parts.append(String(part))
            }
        }
        let path = parts.joined(separator: "/")
        if known.contains(path) || (halves.count == 1 && tree.hasFolder(path)) { return true }
        return leads(to: halves.count == 1 ? path : "\(path)#\(halves[1])", in: tree)
    }

    /// `](target)` outside code.
    private static func targets(in file: Tree.File) -> [(line: Int, target: String)] {
        var found: [(Int, String)] = [], isCode = false
        for (number, line) in file.lines.enumerated() {
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode else { continue }
            let prose = line.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 0 }.map(
                \.element
            )
            .joined(separator: "c")
            for range in prose.ranges(of: "](") {
                let target = prose[range.upperBound...].prefix { $0 != ")" && $0 != " " }
                if !target.isEmpty { found.append((number + 1, String(target))) }
            }
        }
        return found
    }
}
