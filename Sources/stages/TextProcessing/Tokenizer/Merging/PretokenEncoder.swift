import ClusterModel

/// Turns pretokens into tokens, with a memory of those met lately. Used by one thread at a time.
final class PretokenEncoder {
    private let model: BPEModel
    private var merger = PairMerger()
    private let cache = PretokenCache()
    private let shortWords = ShortWords()
    /// The tokens so far.
    private var output = OwnedBuffer<TokenID>(capacity: 1 << 12)
    private(set) var count = 0

    init(_ model: BPEModel) { self.model = model }

    /// Moves the tokens so far behind `tokens`.
    func drain(into tokens: inout [TokenID]) {
        tokens.append(contentsOf: UnsafeBufferPointer(start: output.base, count: count))
        count = 0
    }

    func clear() { count = 0 }

    /// What it holds on to, beside the memory of pretokens.
    var bytes: Int { output.bytes + merger.bytes }

    /// Forgets the tokens so far, and gives memory back if it is more than that.
    func trim(to most: Int) {
        count = 0
        guard bytes > most else { return }
        merger = PairMerger()
        output = OwnedBuffer(capacity: 1 << 12)
    }

    /// Encodes `text[start..<end]`, which must have `PaddedBytes.padding` readable bytes behind it. False if `isCancelled` said so.
    @inline(__always)
    func append(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, isCancelled: () -> Bool) -> Bool {
        guard let cutter = model.cutter else { return appendWhole(text + start, end &- start, isCancelled: isCancelled) }
        var place = start
        while place < end {
            let next = cutter.next(text, from: place, to: end)
            guard appendWhole(text + place, next &- place, isCancelled: isCancelled) else { return false }
            place = next
        }
        return true
    }

    /// Encodes pieces as long as they are short words that are known and end at `limit` at most: how many. The first one begins at `start`, which
    /// moves behind the last.
    func appendShortWords(
        _ text: UnsafePointer<UInt8>, _ start: inout Int, _ ends: UnsafePointer<Int>, _ pieces: Int, upTo limit: Int
    ) -> Int {
        output.grow(to: count + pieces, keeping: count)
        let output = output.base + count
        var place = start, done = 0
        while done < pieces, ends[done] <= limit, let token = shortWords.token(text + place, ends[done] &- place) {
            output[done] = token
            place = ends[done]
            done = done &+ 1
        }
        start = place
        count += done
        return done
    }

    @inline(__always)
    private func appendWhole(_ text: UnsafePointer<UInt8>, _ length: Int, isCancelled: () -> Bool) -> Bool {
        // No pretoken has more tokens than bytes.
        if count &+ max(length, TextLimits.cachedPretokenLength) > output.capacity {
            output.grow(to: count + max(length, TextLimits.cachedPretokenLength), keeping: count)
        }
        guard length <= TextLimits.cachedPretokenLength else {
            let added = encode(text, length, into: output.base + count, isCancelled: isCancelled)
            count += added ?? 0
            return added != nil
        }
        if let token = shortWords.token(text, length) {
            output.base[count] = token
            count = count &+ 1
            return true
        }
        return appendCached(text, length)
    }

    @inline(never)
    private func appendCached(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        let hash = ByteStringMap.hash(text, length), place = output.base + count
        guard let added = cache.find(text, length, hash: hash, into: place) ?? miss(text, length, hash) else { return false }
        if added == 1 { shortWords.insert(text, length, place[0]) }
        count += added
        return true
    }

    @inline(never)
    private func miss(_ text: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt64) -> Int? {
        guard let added = encode(text, length, into: output.base + count, isCancelled: { false }) else { return nil }
        cache.insert(text, length, hash: hash, output.base + count, count: added)
        return added
    }

    private func encode(
        _ text: UnsafePointer<UInt8>, _ length: Int, into output: UnsafeMutablePointer<TokenID>, isCancelled: () -> Bool
    ) -> Int? {
        if model.ignoresMerges, let token = model.tokens.value(of: text, length) {
            output[0] = token
            return 1
        }
        merger.reserve(length)
        let symbols = model.symbols(of: text, length, into: merger.symbols.base)
        guard symbols > 0 else { return 0 }
        let left = merger.merge(symbols, with: model.merges, isCancelled: isCancelled)
        guard left > 0 else { return nil }
        output.update(from: merger.symbols.base, count: left)
        return left
    }
}
