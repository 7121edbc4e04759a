/// Something that takes bytes from outside, with what must hold whatever they are.
///
/// Not crashing is the least of it: each target demands that what was accepted means one thing (it is written and read back the same) and that two ways
/// to read it agree.
struct FuzzTarget: Sendable {
    let name: String
    /// The longest input that is tried: long enough for every branch, short enough for many a second.
    let longest: Int
    /// The largest piece of memory that one input may make it ask for, in mebibytes: what reads frames needs no more than the largest of them.
    var allocation = 32
    let run: @Sendable (UnsafeRawBufferPointer) -> Void

    static let all: [FuzzTarget] = [
        .header, .message, .tokens, .events, .framing, .handshake, .address, .json, .config, .dialect, .request, .answer, .trace, .report,
        .parser, .schema, .template, .tokenizerFile, .tokenizerText, .msgpack, .kvEvents, .zmtp, .gguf, .engine,
        .engineAnswer, .engineServer, .clientFields, .tenants, .mockFiles, .operatorText, .options, .record, .decision, .modelFiles,
        .loadAnswer, .handOver, .tls,
    ]
}

/// Ends the run with a finding; libFuzzer keeps the input.
func demand(_ truth: @autoclosure () -> Bool, _ what: @autoclosure () -> String) {
    if !truth() { fatalError("broken: \(what())") }
}
