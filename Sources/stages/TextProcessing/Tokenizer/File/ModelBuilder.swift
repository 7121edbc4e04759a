import ClusterModel
import JSONText

/// Makes the tables that encoding reads out of a model's file.
struct ModelBuilder {
    private let file: ModelFile
    private let isByteLevel: Bool
    /// By text as it stands in the file.
    private let ids: ByteStringMap
    private var made: [TokenID] = []

    init(_ file: ModelFile, isByteLevel: Bool) {
        self.file = file
        self.isByteLevel = isByteLevel
        ids = ByteStringMap(keys: file.entries.count, bytes: file.text.count)
        file.text.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            for entry in file.entries.indices {
                let range = file.text(of: entry)
                guard !range.isEmpty else { continue }  // The empty text is no pretoken.
                let hash = ByteStringMap.hash(base + range.lowerBound, range.count)
                ids.set(base + range.lowerBound, range.count, hash: hash, value: file.entries[entry].id)
            }
        }
    }

    func id(of text: String) -> TokenID? { id(of: Array(text.utf8)) }

    func id(of text: [UInt8]) -> TokenID? {
        var bytes = text
        let count = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: PaddedBytes.padding))
        return bytes.withUnsafeBufferPointer { $0.baseAddress.flatMap { ids.value(of: $0, count) } }
    }

    mutating func model() throws(TextError) -> BPEModel {
        let merges = try mergeTable()
        let tokens = isByteLevel ? byteStrings() : ids
        return BPEModel(
            symbols: isByteLevel ? .bytes : .codePoints(try unknown()), tokens: tokens, merges: merges, ignoresMerges: file.ignoresMerges,
            cutter: isByteLevel || file.ignoresMerges ? nil : cutter())
    }

    // MARK: Tokens

    /// What each token spells as bytes. A text that is in no alphabet of bytes can be no pretoken.
    private func byteStrings() -> ByteStringMap {
        let map = ByteStringMap(keys: file.entries.count, bytes: file.text.count)
        var bytes: [UInt8] = []
        file.text.withUnsafeBufferPointer { text in
            for entry in file.entries.indices {
                bytes.removeAll(keepingCapacity: true)
                guard ByteAlphabet.append(bytesOf: UnsafeBufferPointer(rebasing: text[file.text(of: entry)]), to: &bytes), !bytes.isEmpty
                else { continue }
                let count = bytes.count
                bytes.append(contentsOf: repeatElement(0, count: PaddedBytes.padding))
                bytes.withUnsafeBufferPointer { bytes in
                    guard let base = bytes.baseAddress else { return }
                    map.set(base, count, hash: ByteStringMap.hash(base, count), value: file.entries[entry].id)
                }
            }
        }
        return map
    }

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

    private mutating func mergeTable() throws(TextError) -> MergeTable {
        let node = try file.node.required("merges")
        guard let merges = node.value.asArray else { throw node.error("must be an array") }
        guard merges.count <= TextLimits.merges else { throw node.error("has more than \(TextLimits.merges) elements") }
        let table = MergeTable(merges: merges.count)
        made.reserveCapacity(merges.count)
        var pair: [UInt8] = []
        for (rank, merge) in merges.enumerated() {
            pair.removeAll(keepingCapacity: true)
            guard let middle = ModelBuilder.split(merge, into: &pair) else {
                throw node.element(rank, of: merges).error("must be two texts, or one with a blank between them")
            }
            let count = pair.count
            pair.append(contentsOf: repeatElement(0, count: PaddedBytes.padding))
            guard let left = id(in: pair, 0..<middle), let right = id(in: pair, middle..<count), let whole = id(in: pair, 0..<count) else {
                throw node.element(rank, of: merges).error("names or makes a token that is not in the vocabulary")
            }
            table.set(left, right, rank: UInt32(rank), token: whole)
            made.append(whole)
        }
        return table
    }

    /// `pair` has padding behind the range.
    private func id(in pair: [UInt8], _ range: Range<Int>) -> TokenID? {
        pair.withUnsafeBufferPointer { $0.baseAddress.flatMap { ids.value(of: $0 + range.lowerBound, range.count) } }
    }

    /// Puts both halves one behind the other, and says where the second begins.
    private static func split(_ merge: JSONValue, into pair: inout [UInt8]) -> Int? {
        if let parts = merge.asArray {
            guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else { return nil }
            pair.append(contentsOf: left.utf8)
            let middle = pair.count
            pair.append(contentsOf: right.utf8)
            return middle
        }
        guard let text = merge.asString else { return nil }
        pair.append(contentsOf: text.utf8)
        guard let blank = pair.firstIndex(of: 0x20), pair.lastIndex(of: 0x20) == blank else { return nil }
        pair.remove(at: blank)
        return blank
    }
}
