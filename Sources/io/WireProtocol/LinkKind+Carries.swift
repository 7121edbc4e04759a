extension LinkKind {
    /// Whether messages of that kind belong on this link: `proto-spec/03-exchanges.md`.
    package func carries(_ kind: MessageKind) -> Bool {
        switch kind.rawValue >> 8 {
        case 0x01: self == .control
        case 0x02: self == .route
        case 0x03: self == .data
        case 0x04: self == .kv
        case 0x05: self == .recovery || self == .route || self == .peer
        case 0x07: self == .peer
        default: kind == .failure
        }
    }
}
