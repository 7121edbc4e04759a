import ClusterModel

/// The Qwen-Bailian traces: sessions follow from parents, and blocks are named by their content alone.
enum QwenBailianTrace {
    static let blockTokens: UInt32 = 16

    static func read(_ lines: inout TraceLines, blockTokens: UInt32) throws(TraceError) -> StampedRequests {
        var gathered = StampedRequests(blockTokens: blockTokens), sessions = Sessions()
        while let line = try lines.next() {
            let number = lines.number
            let object = try lines.withBytes(line) { bytes throws(TraceError) in try TraceObject(bytes, line: number) }
            guard let chat = try object.identifier("chat_id", isOptional: false) else { continue }
            var request = PlannedRequest(
                due: try object.stamp("timestamp", per: 1_000_000_000), promptTokens: try object.tokens("input_length"),
                outputTokens: try object.tokens("output_length"), blocks: try object.blocks("hash_ids"))
            request.session = try sessions.session(
                of: chat, parent: try object.identifier("parent_chat_id", isOptional: true), line: number)
            // How the last block is counted its owners do not say: what is beyond the prompt shares nothing.
            let most = request.promptTokens.blocks(of: blockTokens)
            if request.blocks.count > most { request.blocks.removeLast(request.blocks.count - most) }
            BlockChain.chain(&request.blocks)
            try gathered.append(request, line: number)
        }
        return gathered
    }

    /// A number for each tree of chats. Chats come by time, so a parent stands before its children; one that does not is before the trace's begin.
    private struct Sessions {
        private var sessionOfChat: [UInt64: UInt64] = [:]
        private var next: UInt64 = 0

        mutating func session(of chat: UInt64, parent: UInt64?, line: Int) throws(TraceError) -> UInt64 {
            guard parent != chat else { throw TraceError(line: line, column: "parent_chat_id", "is the chat's own id") }
            let session: UInt64
            if let known = parent.flatMap({ sessionOfChat[$0] }) ?? sessionOfChat[chat] {
                session = known
            } else {
                session = next
                next += 1
                // Its other children belong here as well.
                if let parent { sessionOfChat[parent] = session }
            }
            sessionOfChat[chat] = session
            return session
        }
    }
}
