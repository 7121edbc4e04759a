import Testing

/// A rule of the house: what it finds in a tree, and what to write instead. Its examples prove that it finds something.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    /// The replacement: what stands in the message of every finding.
    let instead: String
    let bad: [Example]
    let good: [Example]
    private let search: @Sendable (Tree) -> [Place]

    struct Place: Equatable {
        let path: String
        /// From 1; 0 where the file as a whole is meant.
        let line: Int
        let what: String
    }

    /// A small tree: each file by its path.
    struct Example: Sendable {
        let files: [(path: String, text: String)]
        let executable: Set<String>

        init(_ path: String, _ text: String) { self.init([(path, text)]) }

        init(_ files: [(path: String, text: String)], executable: Set<String> = []) {
            self.files = files
            self.executable = executable
        }

        var tree: Tree { Tree(files.map { Tree.File($0.path, $0.text, isExecutable: executable.contains($0.path)) }) }
    }

    /// A rule over the tree as a whole.
    init(_ name: String, instead: String, bad: [Example], good: [Example], search: @escaping @Sendable (Tree) -> [Place]) {
        self.name = name
        self.instead = instead
        self.bad = bad
        self.good = good
        self.search = search
    }

    /// A rule over one file at a time: it gives lines and what stands there.
    init(
        _ name: String, instead: String, bad: [Example], good: [Example],
        files covers: @escaping @Sendable (Tree.File) -> Bool, search: @escaping @Sendable (Tree.File) -> [(line: Int, what: String)]
    ) {
        self.init(name, instead: instead, bad: bad, good: good) { tree in
            tree.files.filter(covers).flatMap { file in
                search(file).map { Place(path: file.path, line: $0.line, what: $0.what) }
            }
        }
    }

    func findings(in tree: Tree) -> [Place] { search(tree) }

    func message(_ place: Place) -> Comment {
        "\(place.path)\(place.line > 0 ? ":\(place.line)" : ""): \(place.what) [\(name)]: \(instead)"
    }

    var testDescription: String { name }
}

/// Which files a rule covers.
enum Files {
    @Sendable static func sources(_ file: Tree.File) -> Bool { file.swift != nil && file.path.hasPrefix("Sources/") }
    @Sendable static func swift(_ file: Tree.File) -> Bool { file.swift != nil }

    /// Sources outside the folders named.
    static func sources(but folders: String...) -> @Sendable (Tree.File) -> Bool {
        { file in sources(file) && !folders.contains { file.path.hasPrefix("Sources/\($0)/") } }
    }

    static func sources(in folders: String...) -> @Sendable (Tree.File) -> Bool {
        { file in sources(file) && folders.contains { file.path.hasPrefix("Sources/\($0)/") } }
    }
}
