import ClusterHarness
import JSONText
import Testing

@Suite("Whether a process holds something is read from what it says of itself")
struct RestCheckTests {
    private static let frontend = """
        {"state":{"requests":0,"streams":0,"legs":0,"kept_frames":0,"buffered_bytes":0,"routers":[{"open_plans":0}],
        "tenants":[{"name":"a","running":0,"running_elsewhere":0,"reserved_tokens":0}],"workers":[{"requests":0,"legs":0,"unsent_bytes":0}]}}
        """
    private static let load = #""waiting_tokens":0,"waiting_requests":0,"running_requests":0,"active_blocks":0"#
    private static let router = """
        {"state":{"leases":0,"sessions":{"bound":3,"opening":0},"index":{"blocks":9,"active_blocks":0,"predicted_blocks":0},
        "queues":[{"requests":0,"tokens":0}],"workers":[{"name":"worker-1","ranks":[{\(load),"leases":0,"leased_prefill_tokens":0}]}],"frontends":[{"unsent_bytes":0}],
        "peers":[{"bookings":0}]}}
        """
    private static let worker = """
        {"state":{"requests":0,"closing":0,"rooms":0,"tombstones":4,"kv_links":1,"kv_bytes":0,"remembered":80,"ranks":[{\(load)}]}}
        """
    /// What is not about requests under way.
    private static let kept = ["bound", "blocks", "tombstones", "kv_links", "remembered"]

    private static func text(_ role: ClusterRole) -> String {
        switch role {
        case .frontend: frontend
        case .router: router
        case .worker: worker
        }
    }

    @Test(
        "nothing is held where every count is nought; what a cache, a session or a memory keeps is no matter",
        arguments: ClusterRole.allCases)
    func rests(role: ClusterRole) throws {
        #expect(RestCheck.held(in: try JSONValue(parsing: Self.text(role)), of: role) == [])
    }

    @Test("each count that is not nought is said, by name", arguments: ClusterRole.allCases)
    func holds(role: ClusterRole) throws {
        let text = Self.text(role)
        var counts = 0
        for name in Self.names(in: text) where !Self.kept.contains(name) {
            let held = RestCheck.held(in: try JSONValue(parsing: text.replacing("\"\(name)\":0", with: "\"\(name)\":7")), of: role)
            let words = String(name.map { $0 == "_" ? " " : $0 })
            #expect(!held.isEmpty && held.allSatisfy { $0.hasPrefix("7 \(words)") }, "\(name): \(held)")
            counts += 1
        }
        #expect(counts >= 7)
    }

    @Test("a count that is not told is as bad as one that is not nought", arguments: ClusterRole.allCases)
    func isNotTold(role: ClusterRole) throws {
        let text = Self.text(role)
        for name in Self.names(in: text) where !Self.kept.contains(name) {
            let held = RestCheck.held(in: try JSONValue(parsing: text.replacing("\"\(name)\":0", with: "\"other\(name)\":0")), of: role)
            #expect(!held.isEmpty && held.allSatisfy { $0.hasPrefix("what it does not tell") }, "\(name): \(held)")
        }
        #expect(RestCheck.held(in: try JSONValue(parsing: #"{"state":null}"#), of: role).count == 1)
        #expect(RestCheck.held(in: try JSONValue(parsing: "[]"), of: role).count == 1)
    }

    /// Of the numbers in it, each once.
    private static func names(in text: String) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        var names: [String] = []
        for index in parts.indices.dropLast() where parts[index + 1].hasPrefix(":0") && !names.contains(String(parts[index])) {
            names.append(String(parts[index]))
        }
        return names
    }
}
