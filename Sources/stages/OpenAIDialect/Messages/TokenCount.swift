import JSONText

/// The answer of Anthropic's `/v1/messages/count_tokens`.
package enum TokenCount {
    package static func append(_ tokens: Int, to bytes: inout [UInt8]) {
        bytes.append(static: #"{"input_tokens":"#)
        JSONWriter.appendDigits(UInt64(max(0, tokens)), to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }
}
