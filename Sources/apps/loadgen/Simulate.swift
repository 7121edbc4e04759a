import ClusterModel
import Engines
import FleetSimulation
import Glibc
import LoadGeneration
import Scheduling
import ServiceRuntime

/// scratch
enum Simulate {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var values: [String: String] = [:]
        for a in arguments { let p = a.split(separator: "=", maxSplits: 1); values[String(p[0])] = p.count > 1 ? String(p[1]) : "1" }
        func d(_ n: String, _ v: Double) -> Double { values[n].flatMap(Double.init) ?? v }
        func i(_ n: String, _ v: Int) -> Int { values[n].flatMap(Int.init) ?? v }
        let scale = d("scale", 1), n = i("n", 1_000_000)
        var requests: [PlannedRequest] = []
        let file = fopen(values["trace"] ?? "/tmp/conv.txt", "r")!
        var line: UnsafeMutablePointer<CChar>?; var cap = 0
        while requests.count < n, getline(&line, &cap, file) > 0 {
            let w = String(cString: line!).split(whereSeparator: { $0 == " " || $0 == "\n" }).map { UInt64($0)! }
            requests.append(PlannedRequest(due: .milliseconds(Int64(w[0])), promptTokens: UInt32(w[1]), outputTokens: UInt32(w[2]), blocks: Array(w[3...])))
        }
        // spread
        var k = 0
        while k < requests.count {
            var e = k; while e < requests.count, requests[e].due == requests[k].due { e += 1 }
            let gap: Duration = e < requests.count ? requests[e].due - requests[k].due : .seconds(3)
            let base = requests[k].due
            for j in k..<e { requests[j].due = base + gap * (j - k) / (e - k) }
            k = e
        }
        for j in requests.indices where values["burst"] == nil { requests[j].due = .nanoseconds(Int64(Double(requests[j].due.inNanoseconds) / scale)) }
        var options = FleetOptions()
        options.workers = i("workers", 8); options.prefillWorkers = i("prefill", 0); options.decodeWorkers = i("decode", 0)
        options.routers = i("routers", 1)
        if values["random-router"] != nil { options.routerChoice = .random }
        options.room.totalBlocks = UInt32(i("blocks", 6000))
        options.policy = FleetPolicy.named(values["policy"] ?? "kv")!
        if let b = values["busy"].flatMap(Double.init) { options.policy.settings.thresholds.waitingBatches = b }
        if let b = values["decay"].flatMap(Double.init) { options.policy.settings.overlapCreditDecay = b }
        if let b = values["arw"].flatMap(Double.init) { options.policy.settings.activeRequestWeight = b }
        if let b = values["pls"].flatMap(Double.init) { options.policy.settings.prefillLoadScale = b }
        if let b = values["credit"].flatMap(Double.init) { options.policy.settings.overlapCredit = b }
        if let b = values["iw"].flatMap(Double.init) { options.policy.settings.interferenceWeight = b }
        if let b = values["tw"].flatMap(Double.init) { options.policy.settings.transferWeight = b }
        if let b = values["ew"].flatMap(Double.init) { options.policy.settings.evictionWeight = b }
        if let b = values["hw"].flatMap(Double.init) { options.policy.settings.heldBlockWeight = b }
        if let b = values["ld"].flatMap(Double.init) { options.policy.settings.latencyDecode = b }
        if values["burst"] != nil { for j in requests.indices { requests[j].due = .zero }; options.queue.entries = 100_000; options.queue.batches = 100_000; options.queue.longest = .seconds(100_000); options.firstToken = .seconds(100_000) }
        options.limits.timePerToken = .milliseconds(Int64(i("itl", 100)))
        options.queue.batches = i("qb", 16)
        options.queue.longest = .seconds(Int64(i("qt", 60)))
        options.seed = UInt64(i("seed", 1))
        let t0 = clock()
        let result = FleetSimulation.run(Workload(requests: requests, blockTokens: 512, source: "x"), options, clock: { var t = timespec(); clock_gettime(CLOCK_MONOTONIC, &t); return UInt64(t.tv_sec) * 1_000_000_000 + UInt64(t.tv_nsec) })
        let f = result.figures, s = result.recorder.summary
        func ms(_ x: Duration?) -> String { x.map { "\(Double($0.inMicroseconds) / 1000)" } ?? "-" }
        print("policy \(options.policy.name) cpu \(Double(clock() - t0) / 1e6) virtual \(f.duration) offered/s \(s.offeredPerSecond ?? 0)")
        print("hit \(f.hitRate) reach \(f.reachableHitRate) rskew \(f.requestSkew) pskew \(f.prefillSkew) good/s \(s.goodPerSecond ?? 0) goodshare \(Double(s.counts.good) / Double(s.counts.offered))")
        print("complete \(s.counts.complete) failed \(s.failuresByKind) parked \(f.parked) shed \(f.shed) refused \(f.refused) moved \(f.moved) split \(f.split) preempted \(f.preempted) steps \(f.steps) left \(f.leasesLeft)")
        for m in LatencyMeasure.allCases { let h = s[m]; print("\(m) p50 \(ms(h.percentile(50))) p90 \(ms(h.percentile(90))) p99 \(ms(h.percentile(99))) mean \(ms(h.mean))") }
        print("queue p50 \(ms(f.queueWaits.percentile(50))) p99 \(ms(f.queueWaits.percentile(99))) decisions p50 \(f.decision(0.5)) p99 \(f.decision(0.99)) busy \(f.busyShares.map { Int($0 * 100) })")
        print("requests \(f.requests)")
        return .ok
    }
}
