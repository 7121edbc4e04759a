/// A word of a template's source.
struct TemplateToken {
    enum Kind: Equatable {
        /// Text between tags, white space already taken away where tags ask for it.
        case data([UInt8])
        case beginOutput, endOutput
        case beginBlock, endBlock
        case name(String)
        case text([UInt8])
        case int(Int)
        case float(Double)
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int
}
