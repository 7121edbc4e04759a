import Glibc

/// The files of the package that the rules read, by their path from its root.
struct Tree {
    struct File {
        let path: String
        let text: String
        let isExecutable: Bool
        /// Taken apart once, for all rules.
        let swift: SwiftText?

        init(_ path: String, _ text: String, isExecutable: Bool = false) {
            self.path = path
            self.text = text
            self.isExecutable = isExecutable
            swift = path.hasSuffix(".swift") ? SwiftText(text) : nil
        }

        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    let files: [File]

    init(_ files: [File]) { self.files = files.sorted { $0.path < $1.path } }

    func file(_ path: String) -> File? { files.first { $0.path == path } }
    func hasFolder(_ path: String) -> Bool { files.contains { $0.path.hasPrefix(path + "/") } }

    /// The names of the folders in `folder`, sorted.
    func folders(in folder: String) -> [String] {
        let names = files.filter { $0.path.hasPrefix(folder + "/") }.compactMap { file -> String? in
            let parts = file.path.dropFirst(folder.utf8.count + 1).split(separator: "/")
            return parts.count > 1 ? String(parts[0]) : nil
        }
        return Set(names).sorted()
    }
}

// MARK: Reading the checkout

extension Tree {
    struct Problem: Error, CustomStringConvertible { let description: String }

    /// What is written by people. Build folders, environments and what git ignores stand beside these and are not read.
    private static let places = [".ci", ".github", ".gitignore", "Package.swift", "README.md", "Sources", "Tests", "deploy", "proto-spec"]
    private static let passedOver: Set = ["__pycache__", "corpus", "run", "Fixtures"]
    /// Beyond this a file is data, and no rule is about data.
    private static let longestFile = 4 << 20

    /// The checkout that the tests were built from.
    static func checkout() throws -> Tree {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        var files: [File] = []
        for place in places { try read(place, root: root, into: &files) }
        return Tree(files)
    }

    private static func read(_ path: String, root: String, into files: inout [File]) throws {
        var status = stat()
        guard stat("\(root)/\(path)", &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard status.st_size <= longestFile else { return }
            // A picture is there for links to it; what its bytes look like as text says nothing.
            let text = path.hasSuffix(".png") ? "" : String(decoding: try contents("\(root)/\(path)"), as: UTF8.self)
            return files.append(File(path, text, isExecutable: status.st_mode & S_IXUSR != 0))
        }
        guard let folder = opendir("\(root)/\(path)") else { throw Problem(description: "cannot list \(path)") }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard name != ".", name != "..", !passedOver.contains(name) else { continue }
            try read("\(path)/\(name)", root: root, into: &files)
        }
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "re") else { throw Problem(description: "cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
