import ClusterModel
import JSONText

/// A tenant of a simulated cluster, and the key that its users present.
struct SimulatedTenant: Sendable {
    let name: String
    /// At once, at all frontends together.
    var mostRunning: Int?
    var tokensPerMinute: Int?
    var maxPriority = 0
    var weight = 1

    var key: String { "key-of-\(name)" }
    var hasLimits: Bool { mostRunning != nil || tokensPerMinute != nil }

    static let file = "tenants.json"
    /// What digests of keys and cache groups are salted with.
    static let secretFile = "secret"
    static let secret = "a secret of a cluster that does not exist"

    /// Three of them: one as any, one in a hurry, one that is held short.
    static func drawn(_ random: inout SeededRandom) -> [SimulatedTenant] {
        var urgent = SimulatedTenant(name: "urgent"), short = SimulatedTenant(name: "short")
        urgent.maxPriority = 60
        urgent.weight = random.within(1...4)
        short.mostRunning = random.within(1...3)
        if random.flip() { short.tokensPerMinute = random.within(2...40) * 1_000 }
        return [SimulatedTenant(name: "plain"), urgent, short]
    }

    static func text(of tenants: [SimulatedTenant]) -> String {
        let entries = tenants.map { tenant in
            var entry = JSONObject()
            entry["name"] = .string(tenant.name)
            entry["keys"] = [.string("sha256:\(SHA256.digest(of: Array(tenant.key.utf8)).hex)")]
            entry["maxPriority"] = .number(JSONNumber(Int64(tenant.maxPriority)))
            entry["weight"] = .number(JSONNumber(Int64(tenant.weight)))
            if let most = tenant.mostRunning { entry["maxRunning"] = .number(JSONNumber(Int64(most))) }
            if let rate = tenant.tokensPerMinute { entry["tokensPerMinute"] = .number(JSONNumber(Int64(rate))) }
            return JSONValue.object(entry)
        }
        let file: JSONValue = ["tenants": .array(entries)]
        return String(decoding: file.encoded(), as: UTF8.self)
    }
}
