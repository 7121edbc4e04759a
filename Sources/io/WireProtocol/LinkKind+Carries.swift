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

    /// The high byte of the kinds that belong to links of this kind alone.
    package var ownKinds: UInt16 {
        switch self {
        case .control: 0x01
        case .route: 0x02
        case .data: 0x03
        case .kv: 0x04
        case .recovery: 0x05
        case .peer: 0x07
        }
    }
}
