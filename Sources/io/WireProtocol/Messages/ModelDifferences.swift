extension KVShape {
    /// The first member by which pages of the other shape differ; nil: they are alike.
    package func difference(from other: KVShape) -> String? {
        let members: [(String, Bool)] = [
            ("layers", layers == other.layers), ("heads", heads == other.heads), ("headDimension", headDimension == other.headDimension),
            ("elementType", elementType == other.elementType), ("blockTokens", blockTokens == other.blockTokens),
            ("blockBytes", blockBytes == other.blockBytes), ("layout", layout == other.layout),
        ]
        return members.first { !$0.1 }?.0
    }
}

extension ModelCard {
    /// The members by which workers of the other card come into another pool, as an operator knows them.
    package func differences(from other: ModelCard) -> [String] {
        let members: [(String, Bool)] = [
            ("weights", weights == other.weights), ("blockSize", blockSize == other.blockSize),
            ("contextLength", contextLength == other.contextLength), ("vocabularySize", vocabularySize == other.vocabularySize),
            ("files", files == other.files), ("generationDefaults", generationDefaults == other.generationDefaults),
            ("toolFormat", toolFormat == other.toolFormat), ("reasoningFormat", reasoningFormat == other.reasoningFormat),
        ]
        return members.filter { !$0.1 }.map(\.0)
    }
}
