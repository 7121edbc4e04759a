import ClusterHarness
import EventLoop
import Glibc
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("The guide to policies")
    struct PolicyGuideTests {
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        private static let fleets = ["aggregated", "split"]
        private static let drawings = ["good-requests", "time-to-first-token-p99", "hit-rate"]
        private static let policies = ["dynamo", "kv"]

        // MARK: Made

        @Test("the script writes every table and drawing between the markers, keeps what people wrote, and repeats itself byte by byte")
        func made() async throws {
            let folder = try Self.folder()
            defer { Self.remove(folder) }
            let thread = try LoopThread()
            defer { thread.stop() }
            let guide = try await Self.make(into: folder, on: thread)
            var drawn: [[UInt8]] = []
            for fleet in Self.fleets {
                let section = try #require(Self.section(fleet, of: guide))
                #expect(section.contains { $0.hasPrefix("loadgen compare ") && $0.contains("--queue-batches 4") }, "the command")
                #expect(section.contains { $0.hasPrefix("| capacity | ") && $0.hasSuffix("requests a second |") })
                for load in ["0.70", "0.90", "1.10"] { #expect(section.contains("#### At \(load) of capacity")) }
                #expect(section.contains("#### All loads") && !section.contains { $0.hasPrefix("## ") }, "below the guide's headings")
                // A row a policy: in the three tables over all loads, and in one for each load.
                for policy in Self.policies { #expect(section.count { $0.hasPrefix("| \(policy) | ") } == 6, "\(policy)") }
                Self.expectTables(section)
                for drawing in Self.drawings {
                    let path = "policies/\(fleet)-\(drawing).svg"
                    #expect(section.contains { $0.hasSuffix("](\(path))") }, "\(path) is shown")
                    let text = String(decoding: try GoldenVectors.contents("\(folder)/\(path)"), as: UTF8.self)
                    #expect(text.hasPrefix("<svg ") || text.hasPrefix("<?xml"))
                    #expect(text.contains("xmlns=\"http://www.w3.org/2000/svg\"") && text.contains("</svg>"))
                    #expect(Self.isBalanced(text), "\(path) is well-formed")
                    for policy in Self.policies { #expect(text.contains(policy), "\(path) shows \(policy)") }
                    drawn.append(Array(text.utf8))
                }
            }
            #expect(Self.outside(guide) == Self.outside(try Self.lines("\(Self.root)/deploy/guides/policies.md")))

            // Again, over itself: nothing of the first time is left, and nothing changes.
            #expect(try await Self.make(into: folder, on: thread) == guide)
            let again = try Self.fleets.flatMap { fleet in
                try Self.drawings.map { try GoldenVectors.contents("\(folder)/policies/\(fleet)-\($0).svg") }
            }
            #expect(again == drawn)
        }

        @Test("what cannot be made is refused, and leaves nothing behind")
        func refused() async throws {
            let folder = try Self.folder()
            defer { Self.remove(folder) }
            let thread = try LoopThread()
            defer { thread.stop() }
            let binary = "\(try ProcessCluster.folder())/loadgen"
            for (arguments, code, words) in [
                (["--fleets"], 2 as Int32, "there is no option --fleets"), (["--into"], 2, "--into wants a value"),
                (["--into", "\(folder)/nowhere", "--binary", binary], 2, "is no folder"),
                (["--into", folder, "--binary", "/nowhere"], 2, "is no program"),
                (["--into", folder, "--binary", binary, "--policies", "kw"], 1, "kw"),
            ] {
                let (ending, lines) = try await Self.run(arguments, on: thread)
                #expect(ending == .exited(code), "\(arguments)")
                #expect(lines.contains { $0.contains(words) }, "\(lines)")
            }
            #expect(access("\(folder)/policies.md", F_OK) != 0)
        }

        // MARK: In the repository

        @Test("the guides have their markers, and every file that they link to is there", arguments: ["policies.md", "load.md"])
        func linked(name: String) throws {
            let folder = "\(Self.root)/deploy/guides", lines = try Self.lines("\(folder)/\(name)")
            if name == "policies.md" {
                for fleet in Self.fleets { #expect(Self.section(fleet, of: lines) != nil, "\(fleet)") }
            }
            let links = Self.links(lines)
            #expect(links.count >= 3)
            for link in links {
                let parts = link.split(separator: "#", omittingEmptySubsequences: false).map(String.init)
                let file = parts[0].isEmpty ? "\(folder)/\(name)" : "\(folder)/\(parts[0])"
                #expect(access(file, R_OK) == 0, "\(link)")
                guard parts.count > 1, access(file, R_OK) == 0 else { continue }
                let anchors = try Self.lines(file).filter { $0.hasPrefix("#") }.map(Self.anchor)
                #expect(anchors.contains(parts[1]), "\(link)")
            }
        }

        // MARK: Running it

        /// Few requests of two policies: a debug build takes a hundred times as long as a release build.
        private static func make(into folder: String, on thread: LoopThread) async throws -> [String] {
            let (ending, lines) = try await run(
                [
                    "--short", "--requests", "40", "--policies", policies.joined(separator: ","), "--into", folder, "--binary",
                    "\(try ProcessCluster.folder())/loadgen",
                ], on: thread)
            guard ending == .exited(0) else { throw Unmet("the script ends well, and not by \(ending): \(lines)") }
            return try self.lines("\(folder)/policies.md")
        }

        private static func run(_ arguments: [String], on thread: LoopThread) async throws -> (ChildProcess.Ending, [String]) {
            try await thread.run { @LoopActor (loop: EpollLoop) async throws -> (ChildProcess.Ending, [String]) in
                let child = try ChildProcess("policies", at: "\(Self.root)/deploy/dev/policies", arguments, on: loop)
                return (try await child.ended(within: .seconds(120)), child.lines)
            }
        }

        // MARK: Looking at documents

        private static func section(_ name: String, of lines: [String]) -> [String]? {
            guard let begin = lines.firstIndex(of: "<!-- begin \(name) -->"), let end = lines.firstIndex(of: "<!-- end \(name) -->"),
                begin < end
            else { return nil }
            return Array(lines[(begin + 1)..<end])
        }

        /// What people wrote.
        private static func outside(_ lines: [String]) -> [String] {
            var isOutside = true
            return lines.filter { line in
                if line.hasPrefix("<!-- end ") { isOutside = true }
                defer { if line.hasPrefix("<!-- begin ") { isOutside = false } }
                return isOutside
            }
        }

        /// Rows of one table have as many cells as its head.
        private static func expectTables(_ lines: [String]) {
            var head: Int?
            for line in lines {
                guard line.hasPrefix("|") else {
                    head = nil
                    continue
                }
                let cells = line.count { $0 == "|" }
                #expect(line.hasSuffix("|") && cells == head ?? cells, "\(line)")
                head = cells
            }
        }

        /// Every tag that is opened is closed in its place. Drawings have no comments, and no `>` in attributes.
        private static func isBalanced(_ text: String) -> Bool {
            var open: [Substring] = []
            for piece in text.split(separator: "<", omittingEmptySubsequences: true).dropFirst(text.hasPrefix("<") ? 0 : 1) {
                guard let close = piece.firstIndex(of: ">") else { return false }
                let tag = piece[..<close]
                if tag.hasPrefix("?") || tag.hasSuffix("/") { continue }
                if tag.hasPrefix("/") {
                    guard open.popLast() == tag.dropFirst() else { return false }
                } else {
                    open.append(tag.prefix { !$0.isWhitespace })
                }
            }
            return open.isEmpty
        }

        /// Of `[text](file)`, those within the repository.
        private static func links(_ lines: [String]) -> [String] {
            lines.flatMap { line in
                line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
                    rest.firstIndex(of: ")").map { String(rest[..<$0]) }
                }
            }.filter { !$0.contains("://") }
        }

        /// As those who show Markdown name a heading.
        private static func anchor(_ heading: String) -> String {
            let words = heading.drop { $0 == "#" || $0 == " " }.lowercased()
            return String(words.compactMap { $0 == " " ? "-" : $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" ? $0 : nil })
        }

        // MARK: Files

        private static func folder() throws -> String {
            var path = Array("/tmp/apus-policies-XXXXXX".utf8CString)
            guard mkdtemp(&path) != nil else { throw Unmet("a folder") }
            return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        private static func remove(_ folder: String) {
            for fleet in fleets { for drawing in drawings { unlink("\(folder)/policies/\(fleet)-\(drawing).svg") } }
            rmdir("\(folder)/policies")
            unlink("\(folder)/policies.md")
            rmdir(folder)
        }

        private static func lines(_ path: String) throws -> [String] {
            String(decoding: try GoldenVectors.contents(path), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(
                String.init)
        }
    }
}
