import ClusterModel
import Glibc
import LoadGeneration
import ServiceRuntime

/// A live load as its options describe it, with all that can be found out before the server is asked.
struct RunSetting: Sendable {
    let target: LoadTarget
    /// Numeric.
    let address: String
    let form: RequestForm
    /// How long prompts are as text is to be asked of the server.
    let measuresText: Bool
    let source: any LoadSource
    let blockTokens: UInt32
    let plan: LoadPlan
    let goodput: GoodputLimits
    let seed: UInt64
    let showsProgress: Bool

    /// Of a file of keys: a hundred thousand of them.
    private static let mostKeyBytes = 4 << 20
    /// Beside the connections: standard streams, the loop's own, and files.
    private static let ownDescriptors = 32

    init(_ options: RunOptions, _ resolved: ResolvedConfiguration, environment: [String: String]) throws(RunFailure) {
        do throws(LoadTarget.Refusal) {
            target = try LoadTarget(parsing: resolved[options.url])
            address = try target.resolved()
        } catch { throw RunFailure(error.description) }
        seed = UInt64(resolved[options.seed])
        goodput = GoodputLimits(
            timeToFirstToken: resolved[options.goodFirstToken], timePerToken: resolved[options.goodPerToken],
            endToEnd: resolved[options.goodEndToEnd])
        showsProgress = resolved[options.progress] && isatty(STDERR_FILENO) == 1

        let prompts = options.prompts
        (source, blockTokens) = try Self.source(options, resolved, seed)
        let prompt = try prompts.form(resolved)
        measuresText = prompt.isMeasured
        form = try Self.form(options, resolved, prompt.form, environment)

        let users = resolved[options.concurrency]
        var plan = LoadPlan(users.map { .closed(users: $0, think: resolved[options.think]) } ?? .open)
        plan.connections = try Self.descriptors(for: users ?? resolved[options.connections], isFirm: users != nil)
        plan.timeout = resolved[options.timeout]
        plan.duration = resolved[options.duration]
        plan.warmUp = resolved[options.warmUp]
        plan.coolDown = resolved[options.coolDown]
        self.plan = plan
    }

    private static func source(
        _ options: RunOptions, _ resolved: ResolvedConfiguration, _ seed: UInt64
    ) throws(RunFailure) -> (any LoadSource, UInt32) {
        if let path = resolved[options.trace] { return try replay(path, options, resolved, seed) }
        let mix = options.prompts.mix(resolved)
        let times = resolved[options.rate].map { rate in
            let pattern: ArrivalPattern =
                switch resolved[options.arrivals] {
                case .poisson: .poisson
                case .constant: .constant
                case .gamma: .gamma(shape: resolved[options.burstiness])
                }
            return ArrivalTimes(pattern, rate: rate, seed: seed)
        }
        return (MixSource(mix, times: times, requests: resolved[options.requests], seed: seed), mix.blockTokens)
    }

    private static func replay(
        _ path: String, _ options: RunOptions, _ resolved: ResolvedConfiguration, _ seed: UInt64
    ) throws(RunFailure) -> (any LoadSource, UInt32) {
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try FileReader.system.read(path, TraceLimits.fileBytes) } catch { throw RunFailure("\(error)") }
        var reading = TraceOptions()
        reading.requests = resolved[options.requests]
        reading.speed = 1 / resolved[options.timeScale]
        let name = path.split(separator: "/").last.map(String.init) ?? path
        do throws(TraceError) {
            let workload = try TraceReader(options: reading).read(bytes, name: name)
            return (WorkloadSource(workload, seed: seed), workload.blockTokens)
        } catch { throw RunFailure("--trace \(path): \(error)") }
    }

    private static func form(
        _ options: RunOptions, _ resolved: ResolvedConfiguration, _ prompt: PromptBytes.Form, _ environment: [String: String]
    ) throws(RunFailure) -> RequestForm {
        var form = RequestForm(api: resolved[options.api], model: resolved[options.model] ?? "", prompt: prompt)
        form.streams = resolved[options.stream]
        form.asksUsage = resolved[options.usage]
        form.fixesLength = resolved[options.fixedLength]
        form.headers = resolved[options.headers].map { text in
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            return (String(text[..<colon]), String(text[colon...].dropFirst().drop { $0 == " " }))
        }
        form.sessionHeader = resolved[options.prompts.sessionHeader]
        form.tenantHeader = resolved[options.prompts.tenantHeader]
        if let path = resolved[options.prompts.tenantKeys] {
            let bytes: [UInt8]
            do throws(FileReadError) { bytes = try FileReader.system.read(path, mostKeyBytes) } catch { throw RunFailure("\(error)") }
            form.keys = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
            guard !form.keys.isEmpty else { throw RunFailure("--tenant-keys-file holds no key", code: .usage) }
        } else if let secret = resolved[options.key] {
            form.keys = [String(decoding: secret.bytes, as: UTF8.self)]
        } else if let key = environment["OPENAI_API_KEY"], !key.isEmpty {
            form.keys = [key]
        }
        return form
    }

    /// How many connections this process may have, raised as far as it may be.
    private static func descriptors(for wanted: Int, isFirm: Bool) throws(RunFailure) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        let needed = rlim_t(wanted + ownDescriptors)
        if limit.rlim_cur < needed {
            limit.rlim_cur = min(needed, limit.rlim_max)
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        let room = Int(clamping: limit.rlim_cur) - ownDescriptors
        guard room >= wanted || !isFirm, room > 0 else {
            throw RunFailure("\(wanted) connections need more open files than this process may have; raise `ulimit -n` above \(needed)")
        }
        return min(wanted, room)
    }
}
