import ClusterModel
import Concurrency
import EventLoop
import ProcessKit
import ServiceRuntime
import TLS
import TestSupport
import Testing

@Suite("Certificates that change")
struct CertificateWatchTests {
    /// Files that a test holds.
    private final class Files: Sendable {
        private let held = Lock([String: (version: Int64, bytes: [UInt8]?)]())

        func write(_ path: String, _ fixture: String?) throws {
            let bytes = try fixture.map { try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/tls/\($0)") }
            held.with { $0[path] = (($0[path]?.version ?? 0) + 1, bytes) }
        }

        func file(_ path: String) -> PEMFile { PEMFile(path, held.with { $0[path]?.bytes ?? [] }) }

        func watched(_ path: String) -> WatchedFile {
            WatchedFile(path: path, stamp: { self.held.with { $0[path]?.bytes == nil ? nil : FileStamp(seconds: $0[path]?.version ?? 0) } })
            {
                limit throws(FileReadError) in
                guard let bytes = self.held.with({ $0[path]?.bytes }), bytes.count <= limit else {
                    throw FileReadError(path: path, reason: "scripted")
                }
                return bytes
            }
        }
    }

    private final class Scene {
        let kit = Kit()
        let files = Files()
        let installed = Box<[CertificateSet]>()

        init(_ certificate: String = "long-cert.pem", _ key: String = "long-key.pem") throws {
            installed.value = []
            try files.write("cert", certificate)
            try files.write("key", key)
            let set = CertificateSet(certificate: files.file("cert"), key: files.file("key"), authority: nil)
            let (context, files, installed) = (kit.context, files, installed)
            let made = kit.loop.perform { () -> CertificateWatch? in
                do throws(TLSFault) {
                    return try CertificateWatch(.clients, set, context: context, files: { files.watched($0) }) { set in
                        installed.value?.append(set)
                    }
                } catch {
                    Issue.record(error)
                    return nil
                }
            }
            let watch = try #require(made)
            kit.kept.append(watch)
            kit.run { do { try await watch.start() } catch { Issue.record(error) } }
        }

        func said(_ message: String) -> [String] { kit.log.filter { $0.contains("\"msg\":\"\(message)\"") } }
        var count: Int { installed.value?.count ?? 0 }
    }

    @Test("a change is installed once, within seconds; files that stay are left alone")
    func changes() throws {
        let scene = try Scene()
        scene.kit.pass(.seconds(10))
        #expect(scene.count == 0 && scene.kit.log.allSatisfy { !$0.contains("certificate") })
        try scene.files.write("cert", "next-cert.pem")
        try scene.files.write("key", "next-key.pem")
        scene.kit.pass(.seconds(4))
        #expect(scene.count == 1 && scene.said("certificate changed").count == 1)
        scene.kit.pass(.seconds(10))
        #expect(scene.count == 1)
        // Touched, and the same: nothing is new.
        try scene.files.write("cert", "next-cert.pem")
        scene.kit.pass(.seconds(4))
        #expect(scene.count == 1 && scene.said("certificate refused").isEmpty)
    }

    @Test("half a set is refused once and by name, and the whole one is taken when it is there")
    func halves() throws {
        let scene = try Scene()
        try scene.files.write("cert", "next-cert.pem")
        scene.kit.pass(.seconds(10))
        #expect(scene.count == 0 && scene.said("certificate refused").count == 1)
        #expect(scene.said("certificate refused").first?.contains("\"file\":\"key\"") == true)
        try scene.files.write("key", nil)
        scene.kit.pass(.seconds(10))
        #expect(scene.count == 0 && scene.said("certificate refused").last?.contains("scripted") == true)
        try scene.files.write("key", "next-key.pem")
        scene.kit.pass(.seconds(4))
        #expect(scene.count == 1)
        // Back to what was in force before a mistake: in force again, and nothing to install.
        try scene.files.write("cert", "long-key.pem")
        scene.kit.pass(.seconds(4))
        #expect(scene.said("certificate refused").count == 3)
        try scene.files.write("cert", "next-cert.pem")
        scene.kit.pass(.seconds(4))
        #expect(scene.count == 1)
    }

    @Test("files that are replaced one after the other, quickly, are never taken for a half")
    func torn() throws {
        let scene = try Scene()
        for _ in 0..<5 {
            for (cert, key) in [("next-cert.pem", "next-key.pem"), ("long-cert.pem", "long-key.pem")] {
                try scene.files.write("cert", cert)
                scene.kit.pass(.milliseconds(700))
                try scene.files.write("key", key)
                scene.kit.pass(.seconds(4))
            }
        }
        #expect(scene.said("certificate refused").isEmpty && scene.count == 10)
    }

    @Test("an end within two weeks is warned of once, and no more when another certificate is there")
    func end() throws {
        let scene = try Scene("short-cert.pem", "short-key.pem")
        // The virtual clock begins five and a half days before the end.
        #expect(scene.said("certificate ends soon").count == 1)
        scene.kit.pass(.seconds(30))
        #expect(scene.said("certificate ends soon").count == 1 && scene.said("certificate has ended").isEmpty)
        try scene.files.write("cert", "long-cert.pem")
        try scene.files.write("key", "long-key.pem")
        scene.kit.pass(.seconds(30))
        #expect(scene.count == 1 && scene.said("certificate ends soon").count == 1)
    }
}
