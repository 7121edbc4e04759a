import ClusterModel
import JSONText

/// Makes the tables that encoding reads out of a model's file.
struct ModelBuilder {
    private let file: ModelFile
    private let isByteLevel: Bool
    /// By what the model's texts are made of: bytes, or the text as it stands in the file.
    private let tokens: ByteStringMap
    /// Of a byte-level model, by text: those in no alphabet of bytes, which no pretoken can become.
    private var others: [[UInt8]: TokenID] = [:]
    private var made: [TokenID] = []

    init(_ file: ModelFile, isByteLevel: Bool) throws(TextError) {
        self.file = file
        self.isByteLevel = isByteLevel
        tokens = ByteStringMap(keys: file.entries.count, bytes: file.text.count, mostSteps: TextLimits.modelSteps)
        var key: [UInt8] = []
        try file.text.withUnsafeBufferPointer { text throws(TextError) in
            for entry in file.entries.indices {
                let text = UnsafeBufferPointer(rebasing: text[file.text(of: entry)])
                key.removeAll(keepingCapacity: true)
                guard append(keyOf: text, to: &key) else {
                    others[Array(text)] = file.entries[entry].id
                    continue
                }
                guard !key.isEmpty else { continue }  // The empty text is no pretoken.
                let count = key.count
                key.append(contentsOf: ModelBuilder.padding)
                let isPlaced = key.withUnsafeBufferPointer { key in
                    guard let base = key.baseAddress else { return false }
                    return tokens.set(base, count, hash: ByteStringMap.hash(base, count), value: file.entries[entry].id)
                }
                guard isPlaced else { throw file.node.error(at: ".vocab", "has too many texts that crowd one place of a table") }
            }
        }
    }

    private static let padding = [UInt8](repeating: 0, count: PaddedBytes.padding)

    /// False, with nothing appended, for a text that is in no alphabet of bytes where it should be.
    private func append(keyOf text: UnsafeBufferPointer<UInt8>, to key: inout [UInt8]) -> Bool {
        if isByteLevel { return ByteAlphabet.append(bytesOf: text, to: &key) }
        key.append(contentsOf: text)
        return true
    }

    func id(of text: String) -> TokenID? { id(of: Array(text.utf8)) }

    func id(of text: [UInt8]) -> TokenID? {
        var key: [UInt8] = []
        guard text.withUnsafeBufferPointer({ append(keyOf: $0, to: &key) }) else { return others[text] }
        let count = key.count
        key.append(contentsOf: ModelBuilder.padding)
        return id(in: key, 0..<count)
    }

    /// `key` has padding behind the range.
    private func id(in key: [UInt8], _ range: Range<Int>) -> TokenID? {
        key.withUnsafeBufferPointer { $0.baseAddress.flatMap { tokens.value(of: $0 + range.lowerBound, range.count) } }
    }

    /// `specials` come out of no pretoken: what a client writes is made of pretokens, and must not become one of them.
    mutating func model(without specials: [AddedToken]) throws(TextError) -> BPEModel {
        let isSpecial = Set(specials.map(\.id))
        let merges = try mergeTable(without: isSpecial)
        let symbols = isByteLevel ? BPEModel.Symbols.bytes : .codePoints(try unknown())
        var cutter: PretokenCutter?
        if case .codePoints(let unknown) = symbols, !file.ignoresMerges, unknown.dropsNothing { cutter = self.cutter() }
        for special in specials { try forget(special) }
        let model = BPEModel(
            symbols: symbols, tokens: tokens, merges: merges, ignoresMerges: file.ignoresMerges, cutter: cutter)
        guard !isByteLevel || file.unknownToken == nil || model.dropsNothing else {
            throw file.node.error(at: ".unk_token", "must be null, or the vocabulary have a token for each byte")
        }
        return model
    }

    private func forget(_ special: AddedToken) throws(TextError) {
        var key: [UInt8] = []
        guard special.content.withUnsafeBufferPointer({ append(keyOf: $0, to: &key) }), id(of: special.content) == special.id else {
            return
        }
        let count = key.count
        guard count > (isByteLevel ? 1 : UTF8Scalar.length(key[0])) else {
            throw .invalidFile(
                name: TokenizerFile.name, path: "added_tokens",
                reason: "token \(special.id) is special and one character of the vocabulary, so that text could not be told from it")
        }
        key.append(contentsOf: ModelBuilder.padding)
        key.withUnsafeBufferPointer { key in
            if let base = key.baseAddress { tokens.forget(base, count) }
        }
    }

    // MARK: Tokens

    private func unknown() throws(TextError) -> BPEModel.Unknown {
        var token: TokenID?
        if let text = file.unknownToken {
            token = id(of: text)
            guard token != nil else { throw file.node.error(at: ".unk_token", "must be in the vocabulary") }
        }
        let fallback: [TokenID?] =
            file.byteFallback
            ? (0..<256).map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return id(of: "<0x\(digits.utf8.count < 2 ? "0" : "")\(digits)>")
            } : []
        return BPEModel.Unknown(fallback: fallback, token: token, fuses: file.fusesUnknown)
    }

    private func cutter() -> PretokenCutter? {
        guard id(of: PretokenCutter.mark) != nil else { return nil }
        var isMade = [Bool](repeating: false, count: file.count)
        for token in made { isMade[Int(token)] = true }
        var cutter = PretokenCutter()
        file.text.withUnsafeBufferPointer { text in
            for entry in file.entries.indices where isMade[Int(file.entries[entry].id)] { cutter.add(text[file.text(of: entry)]) }
        }
        return cutter
    }

    // MARK: Merges

    private mutating func mergeTable(without specials: Set<TokenID>) throws(TextError) -> MergeTable {
        let node = try file.node.required("merges")
        guard let merges = node.value.asArray else { throw node.error("must be an array") }
        guard merges.count <= TextLimits.merges else { throw node.error("has more than \(TextLimits.merges) elements") }
        for room in 1...2 {
            if let table = try table(of: merges, without: specials, node, room: room) { return table }
        }
        throw node.error("has too many pairs that crowd one place of a table")
    }

    /// Nil if too many pairs crowd one place.
    private mutating func table(
        of merges: [JSONValue], without specials: Set<TokenID>, _ node: FileNode, room: Int
    ) throws(TextError) -> MergeTable? {
        let table = MergeTable(merges: merges.count, room: room)
        made.removeAll(keepingCapacity: true)
        made.reserveCapacity(merges.count)
        var pair: [UInt8] = []
        var halves = Halves()
        for (rank, merge) in merges.enumerated() {
            guard halves.read(merge) else {
                throw node.element(rank, of: merges).error("must be two texts, or one with a blank between them")
            }
            guard let (left, right, whole) = ids(of: halves.text, middle: halves.middle, &pair) else {
                throw node.element(rank, of: merges).error("names or makes a token that is not in the vocabulary")
            }
            if specials.contains(whole) { continue }
            guard table.set(left, right, rank: UInt32(rank), token: whole) else { return nil }
            made.append(whole)
        }
        return table
    }

    /// `pair` is memory that is used again.
    private func ids(of text: [UInt8], middle: Int, _ pair: inout [UInt8]) -> (left: TokenID, right: TokenID, whole: TokenID)? {
        pair.removeAll(keepingCapacity: true)
        var count = 0
        let areKeys = text.withUnsafeBufferPointer { text in
            guard append(keyOf: UnsafeBufferPointer(rebasing: text[..<middle]), to: &pair) else { return false }
            count = pair.count
            return append(keyOf: UnsafeBufferPointer(rebasing: text[middle...]), to: &pair)
        }
        guard areKeys else {
            guard let left = id(of: Array(text[..<middle])), let right = id(of: Array(text[middle...])), let whole = id(of: text) else {
                return nil
            }
            return (left, right, whole)
        }
        let end = pair.count
        pair.append(contentsOf: ModelBuilder.padding)
        guard let left = id(in: pair, 0..<count), let right = id(in: pair, count..<end), let whole = id(in: pair, 0..<end) else {
            return nil
        }
        return (left, right, whole)
    }

    /// The texts of a merge, one behind the other.
    private struct Halves {
        var text: [UInt8] = []
        /// Where the second begins.
        var middle = 0

        /// False if it is neither `["a", "b"]` nor `"a b"`.
        mutating func read(_ merge: JSONValue) -> Bool {
            text.removeAll(keepingCapacity: true)
            if case .array(let parts) = merge {
                guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else { return false }
                text.append(contentsOf: left.utf8)
                middle = text.count
                text.append(contentsOf: right.utf8)
                return true
            }
            guard case .string(let whole) = merge else { return false }
            text.append(contentsOf: whole.utf8)
            guard let blank = text.firstIndex(of: 0x20), text.lastIndex(of: 0x20) == blank else { return false }
            text.remove(at: blank)
            middle = blank
            return true
        }
    }
}
