/// Mooncake's format, which others write too, with blocks of other sizes.
enum MooncakeTrace {
    static let blockTokens: UInt32 = 512

    static func read(_ lines: inout TraceLines, blockTokens: UInt32) throws(TraceError) -> StampedRequests {
        var gathered = StampedRequests(blockTokens: blockTokens)
        while let line = try lines.next() {
            let number = lines.number
            let object = try lines.withBytes(line) { bytes throws(TraceError) in try TraceObject(bytes, line: number) }
            let request = PlannedRequest(
                due: try object.stamp("timestamp", per: 1_000_000), promptTokens: try object.tokens("input_length"),
                outputTokens: try object.tokens("output_length"), blocks: try object.blocks("hash_ids"))
            let most = request.promptTokens.blocks(of: blockTokens)
            guard request.blocks.count <= most else {
                throw TraceError(
                    line: number, column: "hash_ids",
                    "has \(request.blocks.count) ids, but \(request.promptTokens) tokens are \(most) blocks of \(blockTokens)")
            }
            try gathered.append(request, line: number)
        }
        return gathered
    }
}
