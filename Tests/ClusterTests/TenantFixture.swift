import ClusterModel
import Glibc

/// Tenants, and the secret that two of them need, in files that are there as long as this is.
final class TenantFixture {
    private let tenants: TemporaryText
    private let secret = TemporaryText("a secret of a test")

    init(_ entries: [String]) { tenants = TemporaryText(#"{"tenants":[\#(entries.joined(separator: ","))]}"#) }

    var secretOptions: [String] { ["--cluster-secret-file", secret.path] }
    var frontendOptions: [String] { ["--tenants-file", tenants.path] + secretOptions }

    static func key(_ tenant: String) -> String { "key-of-\(tenant)" }

    static func entry(_ name: String, _ members: String = "") -> String {
        #"{"name":"\#(name)","keys":["sha256:\#(SHA256.digest(of: Array(key(name).utf8)).hex)"]\#(members)}"#
    }
}

/// A file that is there as long as its owner.
private final class TemporaryText {
    let path: String

    init(_ text: String) {
        var template = Array("/tmp/apus-tenants-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        precondition(descriptor >= 0 && written == bytes.count, "a temporary file is written")
        close(descriptor)
    }

    deinit { unlink(path) }
}
