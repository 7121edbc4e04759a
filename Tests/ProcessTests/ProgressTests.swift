import ClusterHarness
import EventLoop
import Glibc
import TestSupport
import Testing

extension ProcessSuites {
    /// Each program is run with its standard error on a terminal, which `script` makes; Debian has it everywhere.
    @Suite("How far long work has come")
    struct ProgressTests {
        private static let load = ["--rate", "20", "--requests", "200", "--output-tokens", "4", "--workers", "2"]
        /// A line that goes, for what is printed next.
        private static let gone = "\r\u{1B}[K"
        /// Digests of megabytes take their time in programs that are not optimised.
        private static let limit = Duration.seconds(180)

        /// What a command of a shell wrote to its terminal.
        private static func onTerminal(_ command: String, ends ending: ChildProcess.Ending = .exited(0)) async throws -> String {
            let thread = try LoopThread()
            defer { thread.stop() }
            return try await thread.run { @LoopActor (loop: EpollLoop) async throws -> String in
                let child = try ChildProcess(
                    "script", at: "/usr/bin/script", ["--quiet", "--return", "--command", command, "/dev/null"], on: loop)
                #expect(try await child.ended(within: Self.limit) == ending, "\(child.outputLines)")
                return child.outputLines.joined(separator: "\n")
            }
        }

        /// The shares of this work that were shown, in their order.
        private static func shares(of work: String, in text: String) -> [Int] {
            text.ranges(of: "\u{1B}[?7l\(work): ").compactMap { place in Int(text[place.upperBound...].prefix { $0.isNumber }) }
        }

        /// Whether what was shown last went before the end.
        private static func isGone(_ text: String) -> Bool {
            text.ranges(of: "\u{1B}[?7h").last.map { text[$0.upperBound...].hasPrefix(gone) } ?? false
        }

        private static func program(_ name: String) throws -> String { "'\(try ProcessCluster.folder())/\(name)'" }

        @Test("a simulation counts up to the whole, what is measured before it too, and the line goes before the last words")
        func simulation() async throws {
            let command = try Self.program("loadgen") + " simulate --load 0.7 " + Self.load.joined(separator: " ")
            let shown = try await Self.onTerminal(command + " >/dev/null")
            for work in ["what the fleet can carry", "kv"] {
                let shares = Self.shares(of: work, in: shown)
                #expect(shares.count > 50 && shares == shares.sorted() && shares.last == 100, "\(work): \(shares)")
            }
            #expect(shown.contains("kv: 100 %\u{1B}[?7h\(Self.gone)loadgen simulate: 200 requests"))
        }

        @Test("policies that are compared are shown one after another")
        func comparison() async throws {
            let words = ["compare", "--policies", "round-robin,kv"] + Self.load
            let shown = try await Self.onTerminal(try Self.program("loadgen") + " \(words.joined(separator: " ")) >/dev/null")
            for policy in ["round-robin", "kv"] { #expect(Self.shares(of: "As it was: \(policy)", in: shown).last == 100, "\(policy)") }
            #expect(Self.isGone(shown))
        }

        @Test("where standard error is no terminal nothing of it is written")
        func elsewhere() async throws {
            let thread = try LoopThread()
            defer { thread.stop() }
            try await thread.run { @LoopActor (loop: EpollLoop) async throws -> Void in
                for (program, words) in [
                    ("loadgen", ["simulate"] + Self.load), ("wiretool", ["simulate", "--streams", "--runs", "2", "--span", "5s"]),
                ] {
                    let child = try ChildProcess(program, at: "\(ProcessCluster.folder())/\(program)", words, on: loop)
                    #expect(try await child.ended(within: .seconds(60)) == .exited(0))
                    #expect(!child.lines.contains { $0.contains("\u{1B}") || $0.contains(" %") }, "\(child.lastWords)")
                }
            }
        }

        @Test("runs are counted where their own lines go elsewhere, and not between them where these are seen")
        func runs() async throws {
            let runs = try Self.program("wiretool") + " simulate --streams --span 5s --runs 2"
            let hidden = try await Self.onTerminal(runs + " >/dev/null")
            #expect(Self.shares(of: "2 runs", in: hidden) == [0, 50] && Self.isGone(hidden), "\(hidden)")
            let seen = try await Self.onTerminal(runs)
            #expect(seen.contains("2 runs held") && !seen.contains(" %"))
            let drills = try await Self.onTerminal(try Self.program("wiretool") + " simulate --drill cancel --runs 2")
            #expect(Self.shares(of: "2 runs", in: drills) == [0, 50] && drills.contains("\(Self.gone)cancel: 2 of 2 runs held"))
            let clusters = try Self.program("wiretool") + " simulate --span 2s --users 1 --workers 1 --runs 2 >/dev/null"
            #expect(Self.shares(of: "2 runs", in: try await Self.onTerminal(clusters)) == [0, 50])
        }

        @Test("a long file of weights says how far it is read, and how far its digest has come; a short one says nothing")
        func weights() async throws {
            let folder = try TemporaryFolder("progress"), model = "\(GoldenVectors.root)/deploy/models/tiny"
            defer { folder.remove() }
            let long = "\(folder.path)/long.gguf"
            let worker = try Self.program("workerd") + " --engine reference --model '\(model)' --routers tcp://127.0.0.1:1 --check-config"
            let short = try await Self.onTerminal(worker + " --weights '\(model)/tiny-f16.gguf'")
            #expect(!short.contains(" %"), "\(short)")
            // Of zeros, which are no weights: what takes time is to read them.
            let zeros = "truncate --size 70M '\(long)' && "
            let refused = try await Self.onTerminal(zeros + worker + " --weights '\(long)'", ends: .exited(2))
            let read = Self.shares(of: "reading \(long)", in: refused)
            #expect(read.count > 50 && read == read.sorted() && read.first == 0 && (98...100).contains(read.last ?? 0), "\(read)")
            // As if more stood behind its tensors: two pieces of a digest.
            let grown = "cp '\(model)/tiny-f16.gguf' '\(long)' && truncate --size 17M '\(long)' && "
            let shown = try await Self.onTerminal(grown + worker + " --weights '\(long)'")
            #expect(Self.shares(of: "digest of \(long)", in: shown) == [0, 94] && !shown.contains("reading"), "\(shown)")
            #expect(Self.isGone(shown))
        }

        @Test("a load on a server says each second how it goes, unless it is told not to")
        func load() async throws {
            let thread = try LoopThread()
            defer { thread.stop() }
            let url = try await thread.run { @LoopActor (loop: EpollLoop) async throws -> String in
                let server = try ChildProcess(
                    "server", at: "\(ProcessCluster.folder())/loadgen", ["null-server", "--listen", "127.0.0.1:0"], on: loop)
                try await loop.until("it listens", within: .seconds(20)) { !server.outputLines.isEmpty }
                return server.outputLines[0]
            }
            let words = "--rate 20 --duration 2500ms --model null --chars-per-token 4 --input-tokens 8 --output-tokens 2"
            let command = try Self.program("loadgen") + " run --url \(url) \(words)"
            let shown = try await Self.onTerminal(command + " >/dev/null")
            #expect(shown.contains("\u{1B}[?7l1s  sent ") && shown.contains(" in flight ") && Self.isGone(shown), "\(shown)")
            let quiet = try await Self.onTerminal(command + " --no-progress >/dev/null")
            #expect(!quiet.contains("in flight") && !quiet.contains(Self.gone), "\(quiet)")
        }
    }
}
