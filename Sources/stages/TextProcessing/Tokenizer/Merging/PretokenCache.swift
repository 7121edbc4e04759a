import ClusterModel

/// The tokens of pretokens met lately, in two generations: once the young one is full it becomes the old one, and the old one is forgotten. What
/// is still met moves into the young one, so the cache is bounded and keeps what is common.
final class PretokenCache {
    private final class Generation {
        let map = ByteStringMap(
            keys: TextLimits.cachedPretokens, bytes: TextLimits.cachedPretokenBytes, mostSteps: TextLimits.cacheSteps)
        let tokens = OwnedBuffer<TokenID>(capacity: TextLimits.cachedTokens)
        var tokenCount = 0

        /// The tokens are where the slot says, or the slot's value is the only one.
        @inline(__always)
        func copy(_ slot: ByteStringMap.Slot, to output: UnsafeMutablePointer<TokenID>) -> Int {
            let count = Int(slot.count)
            if count == 1 {
                output[0] = slot.value
            } else {
                output.update(from: tokens.base + Int(slot.value), count: count)
            }
            return count
        }

        /// False if it is full. A pretoken whose place is crowded is not remembered.
        func insert(
            _ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, _ output: UnsafePointer<TokenID>, count: Int
        ) -> Bool {
            guard map.hasRoom(for: length), tokenCount + count <= TextLimits.cachedTokens else { return false }
            if count == 1 {
                _ = map.set(key, length, hash: hash, value: output[0])
            } else if map.set(key, length, hash: hash, value: UInt32(tokenCount), count: UInt32(count)) {
                (tokens.base + tokenCount).update(from: output, count: count)
                tokenCount += count
            }
            return true
        }

        func removeAll() {
            map.removeAll()
            tokenCount = 0
        }
    }

    private var young = Generation()
    private var old: Generation?

    /// Copies the pretoken's tokens, at most `TextLimits.cachedPretokenLength` of them, and says how many; nil if it is not known.
    @inline(__always)
    func find(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, into output: UnsafeMutablePointer<TokenID>) -> Int? {
        if let slot = young.map.find(key, length, hash: hash) { return young.copy(slot.pointee, to: output) }
        return findOld(key, length, hash, output)
    }

    @inline(never)
    private func findOld(
        _ key: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt64, _ output: UnsafeMutablePointer<TokenID>
    ) -> Int? {
        guard let old, let slot = old.map.find(key, length, hash: hash) else { return nil }
        let count = old.copy(slot.pointee, to: output)
        insert(key, length, hash: hash, output, count: count)
        return count
    }

    func insert(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, _ output: UnsafePointer<TokenID>, count: Int) {
        guard count > 0, !young.insert(key, length, hash: hash, output, count: count) else { return }
        let fresh = old ?? Generation()
        fresh.removeAll()
        old = young
        young = fresh
        _ = young.insert(key, length, hash: hash, output, count: count)
    }

    func removeAll() {
        young.removeAll()
        old = nil
    }
}
