import WireProtocol

/// KV state from one worker process to another over loopback, by codec, through all of the service: engine threads, rooms, kv link. Beside it a
/// plain copy between two sockets in C.
struct KVTransfer: BenchmarkCase {
    let name = "kv-transfer"

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var copies: [Double] = [], transfers: [KVCodec: [TransferLoad.Result]] = [:]
        for _ in 0..<settings.turns {
            copies.append(try copy(settings))
            for codec in KVCodec.allCases { transfers[codec, default: []].append(try transfer(codec, settings)) }
        }
        let copy = copies.median
        var figures = [Figure("plain copy in C", copy / 1e6, "MB/s")]
        for codec in KVCodec.allCases {
            let rates = (transfers[codec] ?? []).map(\.bytesPerSecond), ratios = (transfers[codec] ?? []).map(\.ratio)
            figures.append(Figure("\(codec): state handed over", rates.median / 1e6, "MB/s"))
            figures.append(Figure("\(codec): state : bytes sent", ratios.median, "x"))
            figures.append(Figure("\(codec): Swift : plain copy", rates.median / copy, "x", codec == .none ? .atLeast(0.8) : nil))
        }
        return figures
    }

    private func copy(_ settings: Settings) throws(BenchmarkFailure) -> Double {
        var receiver = try ChildProcess.role(["copy-receiver", "\(settings.warmUpMilliseconds)", "\(settings.windowMilliseconds)"])
        guard let port = receiver.line(within: 10) else { throw BenchmarkFailure("the copy's receiver did not listen") }
        let sender = try ChildProcess.role(["copy-sender", port])
        let numbers = receiver.line(within: 30)?.split(separator: " ").compactMap { Double($0) } ?? []
        sender.terminate()
        _ = sender.wait()
        guard receiver.wait() == 0, numbers.count == 3, numbers[1] > 0 else { throw BenchmarkFailure("the copy ended without a result") }
        return numbers[0] * 1e9 / numbers[1]
    }

    private func transfer(_ codec: KVCodec, _ settings: Settings) throws(BenchmarkFailure) -> TransferLoad.Result {
        var prefill = try ChildProcess.role(["transfer-worker", "1", "\(codec.rawValue)"])
        var decode = try ChildProcess.role(["transfer-worker", "2", "\(codec.rawValue)"])
        defer {
            prefill.terminate()
            decode.terminate()
            _ = prefill.wait()
            _ = decode.wait()
        }
        guard let first = prefill.line(within: 10).flatMap({ UInt16($0) }), let second = decode.line(within: 10).flatMap({ UInt16($0) })
        else { throw BenchmarkFailure("a worker did not start") }
        let warmUp = Duration.milliseconds(settings.warmUpMilliseconds), window = Duration.milliseconds(settings.windowMilliseconds)
        let result = try LoopRun.value { loop in
            guard let load = try? TransferLoad(loop, prefillPort: first, decodePort: second) else {
                return TransferLoad.Result(fault: "there is no network")
            }
            return await load.run(warmUp: warmUp, window: window)
        }
        if let fault = result.fault { throw BenchmarkFailure("a transfer \(fault)") }
        return result
    }
}
