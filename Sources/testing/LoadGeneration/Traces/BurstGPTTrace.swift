/// BurstGPT: when, how long, and in later releases which session.
enum BurstGPTTrace {
    static let columns = ["Timestamp", "Request tokens", "Response tokens"]
    static let sessionColumn = "Session ID"

    static func read(_ lines: inout TraceLines) throws(TraceError) -> StampedRequests {
        let header = try CSVHeader(&lines)
        let stamp = try header.place(of: columns[0]), prompt = try header.place(of: columns[1]), output = try header.place(of: columns[2])
        let session = header.names.contains(sessionColumn) ? try header.place(of: sessionColumn) : nil
        var gathered = StampedRequests(blockTokens: 0), fields = CSVFields(), sessions: [String: UInt64] = [:]
        while let line = try lines.next() {
            let number = lines.number
            let request = try lines.withBytes(line) { bytes throws(TraceError) in
                try fields.split(bytes, number: number, columns: header.names.count)
                guard let nanoseconds = DecimalText.nanoseconds(fields.text(stamp, of: bytes), per: 1_000_000_000) else {
                    throw TraceError(line: number, column: columns[0], "is no number of seconds from 0 to 200 years")
                }
                var request = PlannedRequest(
                    due: .nanoseconds(nanoseconds), promptTokens: try fields.tokens(prompt, columns[1], of: bytes, number: number),
                    outputTokens: try fields.tokens(output, columns[2], of: bytes, number: number))
                let name = session.map { fields.text($0, of: bytes).withUnsafeBytes { String(decoding: $0, as: UTF8.self) } } ?? ""
                if !name.isEmpty {
                    let new = UInt64(sessions.count)
                    request.session = sessions[name, default: new]
                    sessions[name] = request.session
                }
                return request
            }
            try gathered.append(request, line: number)
        }
        return gathered
    }
}
