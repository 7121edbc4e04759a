/// Azure's LLM inference traces: when, how long, and nothing of what prompts share.
enum AzureTrace {
    static let columns = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]

    static func read(_ lines: inout TraceLines) throws(TraceError) -> StampedRequests {
        let header = try CSVHeader(&lines)
        let stamp = try header.place(of: columns[0]), prompt = try header.place(of: columns[1]), output = try header.place(of: columns[2])
        var gathered = StampedRequests(blockTokens: 0), fields = CSVFields()
        while let line = try lines.next() {
            let number = lines.number
            let request = try lines.withBytes(line) { bytes throws(TraceError) in
                try fields.split(bytes, number: number, columns: header.names.count)
                guard let nanoseconds = DateText.nanoseconds(fields.text(stamp, of: bytes)) else {
                    throw TraceError(line: number, column: columns[0], "is no time like 2023-11-16 18:15:46.6805900, from 1970 to 2169")
                }
                return PlannedRequest(
                    due: .nanoseconds(nanoseconds), promptTokens: try fields.tokens(prompt, columns[1], of: bytes, number: number),
                    outputTokens: try fields.tokens(output, columns[2], of: bytes, number: number))
            }
            try gathered.append(request, line: number)
        }
        return gathered
    }
}
