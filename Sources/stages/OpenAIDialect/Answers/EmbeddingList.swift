import JSONText

/// The answer of `/v1/embeddings`.
package struct EmbeddingList: Sendable {
    /// In the order of the inputs: little-endian binary32 numbers, whole ones (`EmbeddingVector`).
    private let vectors: [[UInt8]]
    private let encoding: EmbeddingEncoding
    private let model: String
    private let promptTokens: Int

    package init(vectors: [[UInt8]], encoding: EmbeddingEncoding, model: String, promptTokens: Int) {
        self.vectors = vectors
        self.encoding = encoding
        self.model = model
        self.promptTokens = promptTokens
    }

    /// About; numbers of 32 bits have at most fifteen characters, and most have a dozen.
    package var mostBytes: Int { vectors.reduce(256) { $0 + 64 + $1.count * (encoding == .float ? 4 : 2) } }

    package var count: Int { vectors.count }

    package var json: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(mostBytes)
        appendBeginning(to: &bytes)
        _ = appendVectors(from: 0, numbers: .max, to: &bytes)
        appendEnd(to: &bytes)
        return bytes
    }

    // MARK: In pieces

    package func appendBeginning(to bytes: inout [UInt8]) { bytes.append(static: #"{"object":"list","data":["#) }

    /// Appends vectors until that many numbers stand there, one vector at the least; says how many.
    package func appendVectors(from first: Int, numbers: Int, to bytes: inout [UInt8]) -> Int {
        var index = first, written = 0
        while index < vectors.count, written < numbers {
            append(index, to: &bytes)
            written += EmbeddingVector.count(vectors[index])
            index += 1
        }
        return index - first
    }

    package func appendEnd(to bytes: inout [UInt8]) {
        bytes.append(static: #"],"model":"#)
        JSONWriter.appendQuoted(model, to: &bytes)
        for (name, value) in [(#","usage":{"prompt_tokens":"#, promptTokens), (#","total_tokens":"#, promptTokens)] as [(StaticString, Int)]
        {
            bytes.append(static: name)
            JSONWriter.appendDigits(UInt64(max(0, value)), to: &bytes)
        }
        bytes.append(static: "}}")
    }

    private func append(_ index: Int, to bytes: inout [UInt8]) {
        bytes.append(static: index == 0 ? #"{"object":"embedding","index":"# : #",{"object":"embedding","index":"#)
        JSONWriter.appendDigits(UInt64(index), to: &bytes)
        bytes.append(static: #","embedding":"#)
        switch encoding {
        case .float: Self.appendNumbers(vectors[index], to: &bytes)
        case .base64:
            bytes.append(UInt8(ascii: "\""))
            Base64.append(vectors[index], to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func appendNumbers(_ vector: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for index in 0..<EmbeddingVector.count(vector) {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: EmbeddingVector.number(index, of: vector).description.utf8)
        }
        bytes.append(UInt8(ascii: "]"))
    }
}

/// Vectors as bytes, little-endian binary32: so they travel, and so most clients take them.
package enum EmbeddingVector {
    private static let width = MemoryLayout<Float>.size

    static func count(_ vector: [UInt8]) -> Int { vector.count / width }

    static func number(_ index: Int, of vector: [UInt8]) -> Float {
        var bits: UInt32 = 0
        for place in (0..<width).reversed() { bits = bits << 8 | UInt32(vector[index * width + place]) }
        return Float(bitPattern: bits)
    }

    /// Whether it has that many numbers, none of them infinite or none at all: JSON has no such numbers.
    package static func isWhole(_ vector: [UInt8], dimensions: Int) -> Bool {
        vector.count == dimensions * width && (0..<dimensions).allSatisfy { number($0, of: vector).isFinite }
    }
}
