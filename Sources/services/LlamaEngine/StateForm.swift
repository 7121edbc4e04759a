/// The form in which llama.cpp writes the state of a sequence, as it was found in state of its own: how tokens' keys and values lie in it.
///
/// State that comes from elsewhere has no form: it is the rows of a page alone, and all that llama.cpp is told of them is written here.
struct StateForm: Equatable {
    /// Keys or values of one layer.
    struct Tensor: Equatable {
        var type: Int32
        /// Of one token.
        var rowBytes: Int
        /// Of one number; rows of a transposed tensor are taken apart to it.
        var numberBytes: Int
    }

    let magic: UInt32
    /// Values lie number by number, each with those of all tokens side by side.
    let isTransposed: Bool
    let keys: [Tensor]
    let values: [Tensor]

    /// All rows of one token.
    var tokenBytes: Int { (keys + values).reduce(0) { $0 + $1.rowBytes } }

    /// Before the rows of all tokens: what it is, then for each token its position and sequence.
    private static let headBytes = 16
    private static let cellBytes = 12

    /// Takes state of a sequence apart that has one row a token; nil where it is in some other form.
    init?(of state: [UInt8], tokens: Int) {
        var cursor = StateCursor(state)
        guard let magic = cursor.word(), cursor.skip(4), cursor.word() == 1, cursor.word() == UInt32(tokens) else { return nil }
        guard cursor.skip(tokens * Self.cellBytes), let transposed = cursor.word(), transposed <= 1 else { return nil }
        guard let layers = cursor.word(), (1...Self.mostLayers).contains(layers) else { return nil }
        var keys: [Tensor] = [], values: [Tensor] = []
        for _ in 0..<layers {
            guard let tensor = cursor.tensor(transposed: false), cursor.skip(tensor.rowBytes * tokens) else { return nil }
            keys.append(tensor)
        }
        while !cursor.isAtEnd {
            guard values.count < layers, let tensor = cursor.tensor(transposed: transposed == 1) else { return nil }
            guard cursor.skip(tensor.rowBytes * tokens) else { return nil }
            values.append(tensor)
        }
        self.magic = magic
        isTransposed = transposed == 1
        self.keys = keys
        self.values = values
    }

    private static let mostLayers: UInt32 = 4_096

    // MARK: Pages

    /// The rows of a page with room for so many tokens, out of state that holds those from `first` on: tensor by tensor, in each token by token.
    /// Nil where the state is not that.
    func page(of state: [UInt8], first: Int, tokens: Int, room: Int) -> [UInt8]? {
        guard StateForm(of: state, tokens: tokens) == self, let order = Self.order(of: state, first: first, tokens: tokens) else {
            return nil
        }
        var page = [UInt8](repeating: 0, count: tokenBytes * room)
        state.withUnsafeBytes { from in
            page.withUnsafeMutableBytes { to in
                eachTensor(tokens: tokens) { tensor, isTaken, offset, pageOffset in
                    for (row, place) in order.enumerated() {
                        let target = pageOffset * room + place * tensor.rowBytes
                        if !isTaken {
                            to.baseAddress?.advanced(by: target).copyMemory(
                                from: from.baseAddress! + offset + row * tensor.rowBytes, byteCount: tensor.rowBytes)
                            continue
                        }
                        for number in 0..<tensor.rowBytes / tensor.numberBytes {
                            let size = tensor.numberBytes
                            to.baseAddress?.advanced(by: target + number * size).copyMemory(
                                from: from.baseAddress! + offset + (number * tokens + row) * size, byteCount: size)
                        }
                    }
                }
            }
        }
        return page
    }

    /// State of the first so many tokens of a page, whose first one has the position `first`.
    func state(of page: ArraySlice<UInt8>, first: Int, tokens: Int, room: Int) -> [UInt8] {
        var state: [UInt8] = []
        state.reserveCapacity(Self.headBytes + tokens * (Self.cellBytes + tokenBytes) + 1_024)
        for word in [magic, 0, 1, UInt32(tokens)] { state.append(word: word) }
        for token in 0..<tokens { for word in [UInt32(first + token), 1, 0] { state.append(word: word) } }
        state.append(word: isTransposed ? 1 : 0)
        state.append(word: UInt32(keys.count))
        var offset = page.startIndex
        for (index, tensor) in (keys + values).enumerated() {
            let isTaken = isTransposed && index >= keys.count
            state.append(head: tensor, transposed: isTaken)
            if !isTaken {
                state += page[offset..<offset + tokens * tensor.rowBytes]
            } else {
                for number in 0..<tensor.rowBytes / tensor.numberBytes {
                    for token in 0..<tokens {
                        let start = offset + token * tensor.rowBytes + number * tensor.numberBytes
                        state += page[start..<start + tensor.numberBytes]
                    }
                }
            }
            offset += room * tensor.rowBytes
        }
        return state
    }

    /// Each tensor, whether it is taken apart, where its rows begin in state, and the bytes of one token before it.
    private func eachTensor(tokens: Int, _ body: (Tensor, Bool, Int, Int) -> Void) {
        var offset = Self.headBytes + tokens * Self.cellBytes + 8, before = 0
        for (index, tensor) in (keys + values).enumerated() {
            let isTaken = isTransposed && index >= keys.count
            offset += 12
            body(tensor, isTaken, offset, before)
            offset += tokens * tensor.rowBytes
            before += tensor.rowBytes
        }
    }

    /// For each row the place of its token: rows lie as llama.cpp had room for them. Nil unless each token is there once.
    private static func order(of state: [UInt8], first: Int, tokens: Int) -> [Int]? {
        var cursor = StateCursor(state), seen = [Bool](repeating: false, count: tokens), order: [Int] = []
        guard cursor.skip(headBytes) else { return nil }
        for _ in 0..<tokens {
            guard let position = cursor.word(), cursor.word() == 1, cursor.skip(4) else { return nil }
            let place = Int(position) - first
            guard seen.indices.contains(place), !seen[place] else { return nil }
            seen[place] = true
            order.append(place)
        }
        return order
    }
}

extension [UInt8] {
    fileprivate mutating func append(word: UInt32) { Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) } }

    /// What stands before a tensor's rows.
    fileprivate mutating func append(head tensor: StateForm.Tensor, transposed: Bool) {
        append(word: UInt32(bitPattern: tensor.type))
        append(word: UInt32(transposed ? tensor.numberBytes : tensor.rowBytes))
        append(word: transposed ? UInt32(tensor.rowBytes / tensor.numberBytes) : 0)
    }
}
