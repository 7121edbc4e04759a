import ClusterModel

/// The byte-pair-encoding model of a tokenizer: which symbols a pretoken begins with, and what merges. Made once, read by many threads.
final class BPEModel: @unchecked Sendable {
    // Safety: the tables are written while they are made, and only read once the model is.

    /// What a symbol is before anything merges.
    enum Symbols: Sendable {
        /// Each byte is one, as `ByteLevel` has it.
        case bytes
        /// Each code point is one. Those without a token become a token for each byte, or the unknown one.
        case codePoints(Unknown)
    }

    struct Unknown: Sendable {
        /// By byte; there are none, or all that a code point needs.
        var fallback: [TokenID?]
        var token: TokenID?
        /// Neighbours that are unknown become one token.
        var fuses: Bool

        var dropsNothing: Bool { token != nil || !fallback.isEmpty && !fallback.contains(nil) }
    }

    let symbols: Symbols
    /// What every token that a pretoken may be spells, as bytes.
    let tokens: ByteStringMap
    let merges: MergeTable
    /// A pretoken that is a token is that token, whatever its merges.
    let ignoresMerges: Bool
    /// Of each byte alone.
    private let byteTokens: OwnedBuffer<TokenID>
    /// Where a long pretoken may be cut without changing its tokens.
    let cutter: PretokenCutter?

    /// Whatever a text holds, something stands for it among the tokens.
    let dropsNothing: Bool

    private static let none = TokenID.max

    init(symbols: Symbols, tokens: ByteStringMap, merges: MergeTable, ignoresMerges: Bool, cutter: PretokenCutter?) {
        self.symbols = symbols
        self.tokens = tokens
        self.merges = merges
        self.ignoresMerges = ignoresMerges
        self.cutter = cutter
        byteTokens = OwnedBuffer(repeating: BPEModel.none, count: 256)
        var key = [UInt8](repeating: 0, count: 1 + PaddedBytes.padding)
        for byte in UInt8.min...UInt8.max {
            key[0] = byte
            byteTokens.base[Int(byte)] = key.withUnsafeBufferPointer { tokens.value(of: $0.baseAddress!, 1) } ?? BPEModel.none
        }
        dropsNothing =
            switch symbols {
            case .bytes: !UnsafeBufferPointer(start: byteTokens.base, count: 256).contains(BPEModel.none)
            case .codePoints(let unknown): unknown.dropsNothing
            }
    }

    /// Puts the pretoken's first symbols into `output`, which must have room for one a byte. Returns how many.
    func symbols(of text: UnsafePointer<UInt8>, _ length: Int, into output: UnsafeMutablePointer<TokenID>) -> Int {
        switch symbols {
        case .bytes: byteSymbols(text, length, output)
        case .codePoints(let unknown): scalarSymbols(text, length, output, unknown)
        }
    }

    /// A byte without a token is left out, as Hugging Face's tokenizers does.
    @inline(__always)
    private func byteSymbols(_ text: UnsafePointer<UInt8>, _ length: Int, _ output: UnsafeMutablePointer<TokenID>) -> Int {
        var count = 0
        for offset in 0..<length {
            let token = byteTokens.base[Int(text[offset])]
            guard token != BPEModel.none else { continue }
            output[count] = token
            count = count &+ 1
        }
        return count
    }

    /// In the order of Hugging Face's tokenizers, where an unknown token waits for the next known one.
    private func scalarSymbols(
        _ text: UnsafePointer<UInt8>, _ length: Int, _ output: UnsafeMutablePointer<TokenID>, _ unknown: Unknown
    ) -> Int {
        var count = 0
        var waiting = false
        var offset = 0
        while offset < length {
            let start = offset
            let size = UTF8Scalar.length(text[start])
            offset += size
            if let token = token(of: text + start, size) {
                if waiting, let token = unknown.token {
                    output[count] = token
                    count += 1
                    waiting = false
                }
                output[count] = token
                count += 1
            } else if let fallen = fallBack(text + start, size, output + count, unknown.fallback) {
                count += fallen
            } else if let token = unknown.token {
                if waiting, !unknown.fuses {
                    output[count] = token
                    count += 1
                }
                waiting = true
            }
        }
        if waiting, let token = unknown.token {
            output[count] = token
            count += 1
        }
        return count
    }

    @inline(__always)
    private func token(of scalar: UnsafePointer<UInt8>, _ size: Int) -> TokenID? {
        guard size > 1 else {
            let token = byteTokens.base[Int(scalar[0])]
            return token == BPEModel.none ? nil : token
        }
        return tokens.value(of: scalar, size)
    }

    private func fallBack(
        _ scalar: UnsafePointer<UInt8>, _ size: Int, _ output: UnsafeMutablePointer<TokenID>, _ fallback: [TokenID?]
    ) -> Int? {
        guard !fallback.isEmpty else { return nil }
        for offset in 0..<size {
            guard let token = fallback[Int(scalar[offset])] else { return nil }
            output[offset] = token
        }
        return size
    }
}
