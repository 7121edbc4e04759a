/// The figures of a SGLang server's ranks.
enum SGLangLoads {
    /// Where they are, newest first.
    enum Endpoint {
        case newer, older, none

        var target: String? {
            switch self {
            case .newer: "/v1/loads?include=core"
            case .older: "/get_load"
            case .none: nil
            }
        }

        var next: Endpoint { self == .newer ? .older : .none }
    }

    static func ranks(in body: [UInt8], count: Int, totalTokens: Int) throws(ServerProblem) -> [RankFigures?] {
        let answer = try AnswerValue(parsing: body)
        // An object that holds them, or the bare list of the older endpoint.
        let list = answer.isObject ? answer["loads"] : answer
        var ranks = [RankFigures?](repeating: nil, count: count)
        for load in try list.elements(atMost: AnswerLimits.ranks) ?? [] {
            let rank = try load["dp_rank"].count() ?? 0
            guard ranks.indices.contains(rank) else { continue }
            var figures = RankFigures()
            let waiting = try load["num_waiting_reqs"].count() ?? 0
            // The older one counts those that wait among all.
            let all = try load["num_reqs"].count().map { max(0, $0 - waiting) }
            let running = try load["num_running_reqs"].count() ?? all ?? 0
            figures.runningRequests = UInt32(clamping: running)
            figures.waitingRequests = UInt32(clamping: waiting)
            let used = try load.first(of: "num_used_tokens", "num_tokens").count() ?? 0
            let total = try load["max_total_num_tokens"].count() ?? totalTokens
            figures.blocksInUse = total > 0 ? min(1, Double(used) / Double(total)) : 0
            ranks[rank] = figures
        }
        return ranks
    }
}
