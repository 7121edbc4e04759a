import EventLoop
import Glibc

/// A file system in memory of a few hundred kilobytes, which can be full.
@LoopActor
final class SmallDisk {
    private static let mount = "/usr/bin/mount", unmount = "/usr/bin/umount"
    private static let commandLimit = Duration.seconds(10)
    private static let pieceBytes = 4_096
    private static let kilobytes = 256

    let folder: String
    private let loop: EpollLoop
    private var ballast: String { "\(folder)/ballast" }

    /// Where this machine permits none, `NotPermitted`.
    init(on loop: EpollLoop) async throws {
        var name = Array("\(P_tmpdir)/apus-disk-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw Unmet("a folder can be made in \(P_tmpdir)") }
        folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.loop = loop
        do { try await run(Self.mount, ["-t", "tmpfs", "-o", "size=\(Self.kilobytes)k", "apus", folder]) } catch {
            rmdir(folder)
            throw NotPermitted(description: "this machine permits no file system in memory: \(error)")
        }
    }

    /// Takes all that is left.
    func fill() throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Unmet("\(ballast) is made: \(String(cString: strerror(errno)))") }
        defer { Glibc.close(file) }
        let piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        var count = piece.count
        for _ in 0...Self.kilobytes where count == piece.count { count = write(file, piece, piece.count) }
        guard count < piece.count else { throw Unmet("\(folder) is full") }
    }

    func empty() { unlink(ballast) }

    /// Whoever still writes there goes on for itself.
    func close() async {
        try? await run(Self.unmount, ["-l", folder])
        rmdir(folder)
    }

    private func run(_ program: String, _ words: [String]) async throws {
        let child = try ChildProcess("mount", at: program, words, on: loop)
        guard try await child.ended(within: Self.commandLimit) == .exited(0) else {
            throw Unmet("\(words.joined(separator: " ")): \(child.lines.first ?? "no reason given")")
        }
    }
}
