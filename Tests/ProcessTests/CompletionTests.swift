import ClusterHarness
import EventLoop
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("Completion of command lines by a shell")
    struct CompletionTests {
        /// What bash offers for the last of these words.
        private static func offers(_ words: [String]) async throws -> [String] {
            let thread = try LoopThread()
            defer { thread.stop() }
            let folder = try ProcessCluster.folder(), program = words[0]
            let script = """
                cd '\(folder)' && source <(./\(program) --completion bash) && COMP_WORDS=(./"$@") && COMP_CWORD=$(($# - 1)) &&
                _apus_complete_\(program) && printf '%s\\n' "${COMPREPLY[@]}"
                """
            return try await thread.run { @LoopActor (loop: EpollLoop) async throws -> [String] in
                let child = try ChildProcess("bash", at: "/bin/bash", ["-c", script, "bash"] + words, on: loop)
                let ending = try await child.ended(within: .seconds(60))
                guard ending == .exited(0) else { throw Unmet("bash completes, and does not end by \(ending): \(child.lines)") }
                return child.outputLines
            }
        }

        @Test("options by their beginning, words of an option that has few, and nothing where anything may stand")
        func completes() async throws {
            #expect(try await Self.offers(["router", "--queue-p"]) == ["--queue-policy"])
            #expect(try await Self.offers(["router", "--queue-policy", "d"]) == ["deadline"])
            #expect(try await Self.offers(["frontend", "--log-level", ""]) == ["trace", "debug", "info", "warning", "error"])
            #expect(try await Self.offers(["workerd", "--listen", ""]).allSatisfy(\.isEmpty))
        }

        @Test("commands of a program that has several, and the options of each")
        func commands() async throws {
            #expect(try await Self.offers(["wiretool", "wat"]) == ["watch"])
            #expect(try await Self.offers(["wiretool", "watch", "--onc"]) == ["--once"])
        }
    }
}
