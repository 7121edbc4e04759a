/// What a null server wants to know of a request.
struct NullQuestion {
    let streams: Bool
    let wantsUsage: Bool
    let tokens: Int
    let promptTokens: Int

    init(_ body: UnsafeRawBufferPointer, tokens: Int) {
        // Members before the prompt are found at once; the count stands behind it as a rule, so it is looked for from the end.
        streams = Self.isTrue("stream", in: body)
        wantsUsage = streams && Self.isTrue("include_usage", in: body)
        let tail = UnsafeRawBufferPointer(rebasing: body[max(0, body.count - Self.tailBytes)...])
        let told =
            JSONProbe.count(of: "max_tokens", in: tail) ?? JSONProbe.count(of: "max_completion_tokens", in: body)
            ?? JSONProbe.count(of: "max_tokens", in: body)
        self.tokens = min(NullServer.mostTokens, told.map { Int($0) } ?? tokens)
        promptTokens = body.count
    }

    private static let tailBytes = 64

    private static func isTrue(_ name: StaticString, in body: UnsafeRawBufferPointer) -> Bool {
        // Clients that write them in another order than ours are read whole, which is slower and the same.
        guard let place = JSONProbe.value(of: name, in: body) else { return false }
        return body[place] == UInt8(ascii: "t")
    }
}
