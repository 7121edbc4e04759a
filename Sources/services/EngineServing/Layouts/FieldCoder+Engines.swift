import ClusterModel
import Engines
import WireProtocol

/// Fields of engines that are no numbers by themselves.
extension FieldCoder where Self: ~Escapable {
    mutating func key(_ name: StaticString, _ value: inout EngineRequestKey) throws(WireError) {
        var raw = value.rawValue
        try u64(name, &raw)
        value = EngineRequestKey(raw)
    }

    mutating func rank(_ name: StaticString, _ value: inout Rank) throws(WireError) {
        var raw = value.rawValue
        try u32(name, &raw)
        value = Rank(raw)
    }

    /// One of some values of an engine's, each of which has a code.
    mutating func code<Code: WireEnum, Value: Equatable>(
        _ name: StaticString, _ value: inout Value, _ codes: KeyValuePairs<Code, Value>
    ) throws(WireError) {
        guard var code = codes.first(where: { $0.value == value })?.key else { throw WireError(.invalidValue, name) }
        try choice(name, &code)
        guard let known = codes.first(where: { $0.key == code }) else { throw WireError(.invalidValue, name) }
        value = known.value
    }

    mutating func optionalFinish(_ name: StaticString, _ value: inout EngineFinish?) throws(WireError) {
        try code(
            name, &value,
            [
                FinishCode.none: nil, .endOfText: .endOfText, .stopToken: .stopToken, .stopSequence: .stopSequence, .length: .length,
                .contentFilter: .contentFilter,
            ])
    }

    /// A number of tokens that an engine counts in `Int`: never negative, and below four thousand million.
    mutating func count(_ name: StaticString, _ value: inout Int) throws(WireError) {
        var raw = UInt32(clamping: value)
        try u32(name, &raw)
        value = Int(raw)
    }

    /// As it is, whatever it is: an engine may score a token with a number that is none, here as in the same process.
    mutating func anyFloat(_ name: StaticString, _ value: inout Float) throws(WireError) {
        var bits = value.bitPattern
        try u32(name, &bits)
        value = Float(bitPattern: bits)
    }

    mutating func hashes(_ name: StaticString, _ value: inout [SequenceHash], atMost limit: Int) throws(WireError) {
        var words = value.map(\.rawValue)
        try u64s(name, &words, atMost: limit)
        value.removeAll(keepingCapacity: true)
        for word in words { value.append(SequenceHash(word)) }
    }
}

private enum FinishCode: UInt8, WireEnum { case none, endOfText, stopToken, stopSequence, length, contentFilter }
