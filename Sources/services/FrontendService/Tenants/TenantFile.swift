import ClusterModel
import JSONText

/// One thing that is wrong in a tenants' file, and where. It quotes nothing that could be a key.
struct TenantFault: Hashable, Sendable, CustomStringConvertible {
    /// Such as `tenants[3].keys[0]`; empty for the file as a whole.
    let path: String
    let problem: String

    var description: String { path.isEmpty ? problem : "\(path): \(problem)" }
}

/// All that is wrong with a file, in its order.
struct TenantFileError: Error, Hashable, Sendable, CustomStringConvertible {
    let faults: [TenantFault]

    /// Of a file that is wrong everywhere the first ones will do.
    private static let told = 20

    var description: String {
        let rest = faults.count - Self.told
        return faults.prefix(Self.told).map(\.description).joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    }
}

/// A tenants' file as it was read: who may use the cluster, by which keys, and how much. Form: `deploy/guides/tenants.md`.
struct TenantFile: Hashable, Sendable {
    /// In the file's order, without salts.
    private(set) var tenants: [Tenant] = []
    /// Digests of keys, each with the place of its tenant.
    private(set) var keys: [Key] = []

    struct Key: Hashable, Sendable {
        let digest: Digest
        let tenant: Int
    }

    init(parsing bytes: [UInt8]) throws(TenantFileError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes, limits: JSONLimits(depth: 8, bytes: TenantLimits.fileBytes, values: 1 << 20))
        } catch { throw TenantFileError(faults: [TenantFault(path: "", problem: "it is no JSON: \(error)")]) }
        var reader = TenantFileReader()
        (tenants, keys) = reader.read(document)
        guard reader.faults.isEmpty else { throw TenantFileError(faults: reader.faults) }
    }

    static let keyPrefix = "sha256:"
}

/// Goes over the whole of a file and notes each fault.
private struct TenantFileReader {
    private(set) var faults: [TenantFault] = []
    private var names: Set<String> = []
    private var digests: Set<Digest> = []

    private static let members = [
        "name", "keys", "models", "maxPriority", "maxStrictPriority", "mayPinWorkers", "mayOverrideRouter", "tokensPerMinute",
        "burstTokens",
        "maxRunning", "weight", "cacheGroup",
    ]

    mutating func read(_ document: JSONValue) -> ([Tenant], [TenantFile.Key]) {
        guard let object = document.asObject else {
            fault("", "it is no object with a list of tenants in it")
            return ([], [])
        }
        for name in object.names where name != "tenants" {
            fault(Self.quoted(name), "there is no such member; the one there is is tenants")
        }
        guard let list = object["tenants"]?.asArray else {
            fault("tenants", "it is not there, or no list")
            return ([], [])
        }
        guard (1...TenantLimits.tenants).contains(list.count) else {
            fault("tenants", "\(list.count) tenants; there are 1 to \(TenantLimits.tenants)")
            return ([], [])
        }
        var tenants: [Tenant] = [], keys: [TenantFile.Key] = []
        for (place, value) in list.enumerated() {
            let path = "tenants[\(place)]"
            guard let object = value.asObject else {
                fault(path, "it is no object")
                continue
            }
            keys += self.keys(object, path).map { TenantFile.Key(digest: $0, tenant: place) }
            tenants.append(tenant(object, path))
        }
        return (tenants, keys)
    }

    private mutating func tenant(_ object: JSONObject, _ path: String) -> Tenant {
        for name in object.names where !Self.members.contains(name) {
            fault("\(path).\(Self.quoted(name))", "there is no such member; there are \(Self.members.joined(separator: ", "))")
        }
        var tenant = Tenant()
        tenant.name = word(object, "name", path) ?? ""
        if object["name"] == nil { fault("\(path).name", "it is missing") }
        if !tenant.name.isEmpty, !names.insert(tenant.name).inserted { fault("\(path).name", "an earlier tenant has this name") }
        tenant.models = models(object, path)
        tenant.maxPriority = integer(object, "maxPriority", path, TenantLimits.priority) ?? 0
        tenant.maxStrictPriority = integer(object, "maxStrictPriority", path, TenantLimits.strictPriority) ?? 0
        tenant.mayPinWorkers = truth(object, "mayPinWorkers", path) ?? false
        tenant.mayOverrideRouter = truth(object, "mayOverrideRouter", path) ?? false
        tenant.tokensPerMinute = integer(object, "tokensPerMinute", path, TenantLimits.tokens)
        tenant.burstTokens = integer(object, "burstTokens", path, TenantLimits.tokens)
        if object["burstTokens"] != nil, object["tokensPerMinute"] == nil {
            fault("\(path).burstTokens", "it says nothing without tokensPerMinute")
        }
        tenant.maxRunning = integer(object, "maxRunning", path, TenantLimits.running)
        if let weight = object["weight"] {
            if let number = weight.asDouble, TenantLimits.weights.contains(number) {
                tenant.weight = Float(number)
            } else {
                fault("\(path).weight", "it is no number from \(TenantLimits.weights.lowerBound) to \(TenantLimits.weights.upperBound)")
            }
        }
        tenant.cacheGroup = word(object, "cacheGroup", path) ?? tenant.name
        return tenant
    }

    private mutating func keys(_ object: JSONObject, _ path: String) -> [Digest] {
        guard let list = object["keys"]?.asArray else {
            fault("\(path).keys", "it is not there, or no list")
            return []
        }
        guard list.count <= TenantLimits.keys else {
            fault("\(path).keys", "\(list.count) keys; a tenant has \(TenantLimits.keys) at most")
            return []
        }
        var found: [Digest] = []
        for (place, value) in list.enumerated() {
            let path = "\(path).keys[\(place)]"
            guard let text = value.asString, text.hasPrefix(TenantFile.keyPrefix),
                let digest = Digest(hex: String(text.dropFirst(TenantFile.keyPrefix.count)))
            else {
                // Whatever stands there may be a key that was put in by mistake.
                fault(path, "it is not sha256: and the 64 hexadecimal digits of a key's digest; a key itself never stands in this file")
                continue
            }
            if digests.insert(digest).inserted { found.append(digest) } else { fault(path, "this key stands in the file already") }
        }
        return found
    }

    private mutating func models(_ object: JSONObject, _ path: String) -> Set<String>? {
        guard let value = object["models"] else { return nil }
        guard let list = value.asArray, list.count <= TenantLimits.models else {
            fault("\(path).models", "it is no list of up to \(TenantLimits.models) names; leave it out to allow every model")
            return []
        }
        var models: Set<String> = []
        for (place, value) in list.enumerated() {
            if let name = value.asString, !name.isEmpty { models.insert(name) } else { fault("\(path).models[\(place)]", "it is no name") }
        }
        return models
    }

    // MARK: Values

    private mutating func word(_ object: JSONObject, _ name: String, _ path: String) -> String? {
        guard let value = object[name] else { return nil }
        if let text = value.asString, (1...TenantLimits.nameBytes).contains(text.utf8.count), text.utf8.allSatisfy(Self.isOfAName) {
            return text
        }
        fault("\(path).\(name)", "it is no name of 1 to \(TenantLimits.nameBytes) letters, digits, dots, dashes and underscores")
        return nil
    }

    private mutating func integer(_ object: JSONObject, _ name: String, _ path: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = object[name] else { return nil }
        if let number = value.asInt, range.contains(number) { return number }
        fault("\(path).\(name)", "it is no whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    private mutating func truth(_ object: JSONObject, _ name: String, _ path: String) -> Bool? {
        guard let value = object[name] else { return nil }
        if let truth = value.asBool { return truth }
        fault("\(path).\(name)", "it is neither true nor false")
        return nil
    }

    private mutating func fault(_ path: String, _ problem: String) { faults.append(TenantFault(path: path, problem: problem)) }

    private static func isOfAName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// A member's name, if it cannot be a key that slipped into the wrong place.
    private static func quoted(_ name: String) -> String {
        name.utf8.count <= 32 && name.utf8.allSatisfy(isOfAName) ? name : "(a long or odd name)"
    }
}
