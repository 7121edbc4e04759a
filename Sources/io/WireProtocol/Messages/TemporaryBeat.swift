package struct Beat: WireMessage, Hashable {
    package static let kind = MessageKind.beat
    package var lastSequence: UInt64 = 0
    package init() {}
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) { try coder.u64("lastSequence", &lastSequence) }
}
