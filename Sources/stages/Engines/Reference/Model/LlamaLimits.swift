/// What a model may be at the most: so that no product of its numbers overflows. Real models stay far below.
enum LlamaLimits {
    static let layers = 1_024
    static let width = 1 << 17
    static let heads = 1_024
    static let headDimension = 1_024
    static let contextLength = 1 << 24
    static let vocabulary = 1 << 22
}
