import ClusterModel
import HTTPClient
import JSONText

@testable import FrontendService

/// Tenants' files of tests, and the keys that fit them.
enum TenantBed {
    /// A key that no other tenant of these files has.
    static func key(_ tenant: String, _ number: Int = 0) -> String { "apus-\(tenant)-\(number)" }
    static func digest(_ key: String) -> String { "sha256:\(SHA256.digest(of: Array(key.utf8)).hex)" }

    /// One tenant as the file has it; `members` begin with a comma.
    static func entry(_ name: String, _ members: String = "", keys: Int = 1) -> String {
        let keys = (0..<keys).map { #""\#(digest(key(name, $0)))""# }.joined(separator: ",")
        return #"{"name":"\#(name)","keys":[\#(keys)]\#(members)}"#
    }

    static func text(_ entries: String...) -> [UInt8] { Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8) }

    static func file(_ entries: String...) -> TenantFile {
        let bytes = Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)
        do { return try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
    }

    static func faults(_ text: [UInt8]) -> [String] {
        do {
            _ = try TenantFile(parsing: text)
            return []
        } catch { return error.faults.map(\.description) }
    }

    static func bearer(_ tenant: String, _ number: Int = 0) -> [(name: String, value: String)] {
        [("authorization", "Bearer \(key(tenant, number))")]
    }
}

extension Scene {
    /// What `/debug/state` shows.
    var debugState: String {
        service { service in
            var json = JSONWriter()
            service.debugState(into: &json)
            return String(decoding: json.finish(), as: UTF8.self)
        }
    }

    func get(_ path: String, as tenant: String) -> Client {
        var request = HTTPClientRequest.get(path)
        request.headers += TenantBed.bearer(tenant)
        return send(request)
    }

    func chat(_ members: String = "", stream: Bool = true, as tenant: String) -> Client {
        chat(members, stream: stream, headers: TenantBed.bearer(tenant))
    }
}
