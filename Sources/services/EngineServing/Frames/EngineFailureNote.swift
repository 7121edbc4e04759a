package import WireProtocol

/// Why an engine gave up, in its own words: for a log, with no prompt and no output in it.
package struct EngineFailureNote: WireRecord, Hashable {
    package var reason = ""

    package init() {}
    package init(_ reason: String) { self.reason = reason.cut(toBytes: EngineFrameLimits.textBytes) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("reason", &reason, atMost: EngineFrameLimits.textBytes)
    }
}
