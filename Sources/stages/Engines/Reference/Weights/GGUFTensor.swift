/// A tensor's entry in a GGUF file: checked to lie within the file, apart from every other one.
struct GGUFTensor: Hashable, Sendable {
    /// How numbers are written, by the numbers of the types in files.
    enum Element: UInt32, Sendable {
        case float32 = 0
        case float16 = 1
        /// Blocks of 32 numbers of eight bits, behind a 16-bit scale.
        case q8Blocks = 8

        /// Numbers that are written together, and how many bytes they take.
        var block: (numbers: Int, bytes: Int) {
            switch self {
            case .float32: (1, 4)
            case .float16: (1, 2)
            case .q8Blocks: (32, 34)
            }
        }
    }

    let name: String
    /// The first one is that of numbers side by side.
    let dimensions: [Int]
    let element: Element
    /// Of its first byte in the file.
    let offset: Int
    let byteCount: Int
    let numberCount: Int

    /// Nil where the numbers cannot be counted, or rows are no whole blocks.
    static func size(_ dimensions: [Int], _ element: Element) -> (numbers: Int, bytes: Int)? {
        var numbers = 1
        for dimension in dimensions {
            let (product, overflow) = numbers.multipliedReportingOverflow(by: dimension)
            if overflow || dimension < 1 { return nil }
            numbers = product
        }
        let block = element.block
        guard (dimensions.first ?? 1) % block.numbers == 0 else { return nil }
        let (bytes, overflow) = (numbers / block.numbers).multipliedReportingOverflow(by: block.bytes)
        return overflow ? nil : (numbers, bytes)
    }
}
