/// Token batches over a link on loopback: a process that floods, a process that decodes; then the same two in C, in turns.
struct LinkFrames: BenchmarkCase {
    let name = "link-frames"
    private static let frameCounts = [1, 8, 32]

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for frames in Self.frameCounts {
            var ours: [Reception] = [], theirs: [Reception] = []
            for _ in 0..<settings.turns {
                ours.append(try measure("", frames, settings))
                theirs.append(try measure("c-", frames, settings))
            }
            figures += compare(ours, theirs, frames: frames)
        }
        return figures
    }

    private func measure(_ prefix: String, _ frames: Int, _ settings: Settings) throws(BenchmarkFailure) -> Reception {
        var receiver = try ChildProcess.role(["\(prefix)receiver", "\(settings.warmUpMilliseconds)", "\(settings.windowMilliseconds)"])
        guard let first = receiver.line(within: 10), let port = Int(first) else {
            receiver.terminate()
            throw BenchmarkFailure("the \(prefix)receiver did not listen")
        }
        let sender = try ChildProcess.role(["\(prefix)sender", "\(port)", "\(frames)"])
        let reception = receiver.line(within: 30).flatMap { Reception(line: $0) }
        sender.terminate()
        _ = sender.wait()
        if reception == nil { receiver.terminate() }
        guard receiver.wait() == 0, let reception else { throw BenchmarkFailure("the \(prefix)receiver ended without a result") }
        return reception
    }

    /// To three decimals: the timer of the heartbeat, four times a second, is not the batches' doing.
    private static func each(_ allocations: Double) -> Double { (allocations * 1_000).rounded() / 1_000 }

    private func compare(_ ours: [Reception], _ theirs: [Reception], frames: Int) -> [Figure] {
        func of(_ receptions: [Reception], _ value: (Reception) -> Double) -> Double { receptions.map(value).median }
        let rate = of(ours, \.framesPerSecond), twinRate = of(theirs, \.framesPerSecond)
        let perCore = of(ours, \.framesPerCoreSecond), twinPerCore = of(theirs, \.framesPerCoreSecond)
        // The budgets are those of a busy worker's batches; small batches are shown beside.
        let isJudged = frames == 32
        return [
            Figure("\(frames) a message: frames/s", rate, "/s"),
            Figure("\(frames) a message: frames/s, C", twinRate, "/s"),
            Figure("\(frames) a message: frames/s, Swift : C", rate / twinRate, "x", isJudged ? .atLeast(0.9) : nil),
            Figure("\(frames) a message: receiver CPU a message", of(ours, \.microsecondsPerMessage), "µs"),
            Figure("\(frames) a message: receiver CPU a message, C", of(theirs, \.microsecondsPerMessage), "µs"),
            Figure("\(frames) a message: receiver CPU a frame, with the receive", 1e9 / perCore, "ns", isJudged ? .atMost(100) : nil),
            Figure("\(frames) a message: frames per receiver-core-second", perCore, "/s", isJudged ? .atLeast(7e6) : nil),
            Figure("\(frames) a message: frames per receiver-core-second, C", twinPerCore, "/s"),
            Figure(
                "\(frames) a message: frames per receiver-core-second, Swift : C", perCore / twinPerCore, "x",
                isJudged ? .atLeast(0.9) : nil),
            Figure("\(frames) a message: messages a read", of(ours, \.messagesPerRead), ""),
            Figure("\(frames) a message: messages a read, C", of(theirs, \.messagesPerRead), ""),
            Figure(
                "\(frames) a message: allocations a batch, loop thread",
                Self.each(of(ours) { Double($0.loopAllocations) / Double($0.messages) }), "",
                .atMost(0), kind: .allocations),
            Figure(
                "\(frames) a message: allocations a batch, nng's threads",
                Self.each(of(ours) { Double($0.otherAllocations) / Double($0.messages) }), "",
                kind: .allocations),
            Figure(
                "\(frames) a message: allocations a batch, C, all threads",
                of(theirs) { Double($0.loopAllocations + $0.otherAllocations) / Double($0.messages) }, ""),
        ]
    }
}
