package import WireProtocol

/// So many commands have been taken, since the process began, by an engine that has nothing more to do.
package struct EngineRest: WireRecord, Hashable {
    package var commandsTaken: UInt64 = 0

    package init() {}
    package init(commandsTaken: UInt64) { self.commandsTaken = commandsTaken }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("commandsTaken", &commandsTaken)
    }
}
