package import ClusterModel

/// What the salts stand for that an engine was given: only who sent one can tell which of our cache groups its blocks belong to.
///
/// It keeps those that were used last, in two halves: when the newer one is full it becomes the older one, and what was not used since is gone.
/// Blocks of a salt that is gone are not told, which costs hits and confuses nobody.
package struct EngineSalts {
    private var newer: [String: CacheSalt] = [:]
    private var older: [String: CacheSalt] = [:]
    private let half: Int
    /// Once a salt or an adapter was sent, a block that does not say whose it is may be theirs.
    package private(set) var isUsed = false

    package init(limit: Int = EngineEventLimits.knownSalts) { half = max(1, limit / 2) }

    /// A request goes out whose blocks are told apart by something that has no salt.
    package mutating func distinguish() { isUsed = true }

    /// Told before the request goes out, since its blocks may be heard of before its answer.
    package mutating func remember(_ salt: CacheSalt, sentAs text: String) {
        isUsed = true
        if newer.count >= half, newer[text] == nil {
            older = newer
            newer = [:]
        }
        newer[text] = salt
    }

    package mutating func salt(sentAs text: String) -> CacheSalt? {
        if let salt = newer[text] { return salt }
        guard let salt = older[text] else { return nil }
        remember(salt, sentAs: text)
        return salt
    }
}
