import ClusterModel

/// What a prefill leg of the sequential path ends with: whose state it is, and the state itself as far as it has room.
///
/// The frontend carries it to the decode leg and looks at nothing in it. Little-endian: the mark, a hash of the weights' name, the
/// shape of a token's state, how many tokens the leg computed and a hash of them, how many of these have their state here, that state, and a
/// hash of all.
/// The state of a token is, for layer after layer, its keys and its values. What has no room is computed again.
struct ReferenceParameters {
    /// A message has room for 64 KiB of parameters; what stands beside the state is below a hundred bytes.
    static let mostStateBytes = 63 << 10

    private static let mark = Array("ARK1".utf8)
    private static let hashBytes = 8

    /// Tokens that the leg computed, of which the first so many have their state here.
    let tokens: Int
    let carried: Int
    /// Nothing that the leg computed is missing.
    var isWhole: Bool { carried == tokens }
    private let bytes: [UInt8]
    private let firstRow: Int
    private let form: Form

    /// What two engines must have in common.
    struct Form: Hashable {
        let weights: UInt64
        let layers: Int
        /// Numbers of a token's keys in a layer.
        let keyWidth: Int

        init(weights: String, layers: Int, keyWidth: Int) {
            self.init(weights: XXH3.hash(weights), layers: layers, keyWidth: keyWidth)
        }

        fileprivate init(weights: UInt64, layers: Int, keyWidth: Int) {
            self.weights = weights
            self.layers = layers
            self.keyWidth = keyWidth
        }

        var rowBytes: Int { layers * keyWidth * 2 * 4 }

        /// The first thing by which the other one differs.
        func difference(from other: Form) -> String? {
            if weights != other.weights { return "weights" }
            if layers != other.layers { return "layers" }
            return keyWidth != other.keyWidth ? "keyWidth" : nil
        }
    }

    // MARK: Written

    /// As many leading tokens as there is room for; `appendRow` writes the state of one.
    static func bytes(_ form: Form, of tokens: [TokenID], appendRow: (Int, inout [UInt8]) -> Void) -> [UInt8] {
        let carried = min(tokens.count, mostStateBytes / max(1, form.rowBytes))
        var bytes = mark
        bytes.append(little: form.weights)
        for number in [form.layers, form.keyWidth, tokens.count, carried] { bytes.append(little: UInt32(clamping: number)) }
        bytes.append(little: hash(of: tokens))
        for place in 0..<carried { appendRow(place, &bytes) }
        bytes.append(little: bytes.withUnsafeBytes { XXH3.hash($0) })
        return bytes
    }

    private static func hash(of tokens: [TokenID]) -> UInt64 { tokens.withUnsafeBytes { XXH3.hash($0, seed: 1) } }

    // MARK: Read

    /// The parameters of a leg of these tokens, or why they are not.
    static func read(_ bytes: [UInt8], _ form: Form, of tokens: [TokenID]) -> Result<ReferenceParameters, ReferenceRefusal> {
        guard let (made, hash) = parsed(bytes) else { return .failure(ReferenceRefusal(.incompatible("parameters"))) }
        if let difference = form.difference(from: made.form) { return .failure(ReferenceRefusal(.incompatible(difference))) }
        guard made.tokens == tokens.count, hash == self.hash(of: tokens) else {
            return .failure(ReferenceRefusal(.incompatible("promptTokens")))
        }
        return .success(made)
    }

    /// Nil for what is none, is cut or was damaged; with it the hash of its tokens.
    private static func parsed(_ bytes: [UInt8]) -> (ReferenceParameters, UInt64)? {
        var rest = bytes.dropLast(hashBytes)
        guard rest.count + hashBytes == bytes.count, var sum = Optional(bytes.suffix(hashBytes)),
            sum.takeLittle(UInt64.self) == rest.withUnsafeBytes({ XXH3.hash($0) })
        else { return nil }
        guard rest.starts(with: mark) else { return nil }
        rest.removeFirst(mark.count)
        guard let weights = rest.takeLittle(UInt64.self), let layers = rest.takeLittle(UInt32.self),
            let keyWidth = rest.takeLittle(UInt32.self), let tokens = rest.takeLittle(UInt32.self),
            let carried = rest.takeLittle(UInt32.self), let hash = rest.takeLittle(UInt64.self)
        else { return nil }
        let form = Form(weights: weights, layers: Int(layers), keyWidth: Int(keyWidth))
        let (row, overflow) = Int(layers).multipliedReportingOverflow(by: Int(keyWidth) * 8)
        let (state, tooLong) = row.multipliedReportingOverflow(by: Int(carried))
        guard !overflow, !tooLong, rest.count == state, carried <= tokens else { return nil }
        return (
            ReferenceParameters(
                tokens: Int(tokens), carried: Int(carried), bytes: bytes, firstRow: rest.startIndex, form: form),
            hash
        )
    }

    /// Calls with the bytes of a token's state, and where they begin.
    func withRow<Taken>(_ place: Int, _ take: ([UInt8], Int) -> Taken) -> Taken { take(bytes, firstRow + place * form.rowBytes) }
}

extension [UInt8] {
    fileprivate mutating func append(little value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    /// Nil if there is not that much.
    fileprivate mutating func takeLittle<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        let size = MemoryLayout<Number>.size
        guard count >= size else { return nil }
        let value = prefix(size).reversed().reduce(Number(0)) { $0 << 8 | Number(truncatingIfNeeded: $1) }
        removeFirst(size)
        return value
    }
}
