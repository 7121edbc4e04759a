import ClusterModel
import EventLoop

/// The clients of a run: they ask for text and vectors in every form, read them as real ones do, some leave, and each answer is judged.
@LoopActor
final class SimulatedUsers {
    private(set) var judge: AnswerJudge
    private let loop: Loop
    private let frontends: [VirtualMember]
    private let clients: [TestClient]
    private let mix: RequestMix
    private let tenants: [SimulatedTenant]
    private let enginesRefuse: Bool
    private var random: SeededRandom
    private var isStopped = false
    private(set) var active = 0
    /// Requests whose clients read slowly, by the life of the frontend that they read from.
    private var slowReads: [AnswerTally.Life: Int] = [:]

    /// Past the limits of silence and of the first token, thrice: whoever waits longer hangs.
    nonisolated static let patience = Duration.seconds(500)

    init(on loop: Loop, frontends: [VirtualMember], clients: [TestClient], _ scene: SimulatedScene, seed: UInt64) {
        self.loop = loop
        self.frontends = frontends
        self.clients = clients
        mix = scene.mix
        tenants = scene.tenants
        enginesRefuse = scene.enginesRefuse
        judge = AnswerJudge(patience: Self.patience)
        random = SeededRandom(seed: seed ^ 0x05E2_5EED)
    }

    var tally: AnswerTally { judge.tally }

    func start(_ count: Int) {
        for user in 0..<count {
            active += 1
            let tenant = tenants.isEmpty ? nil : tenants[user % tenants.count]
            loop.spawn { [self] in
                while !isStopped {
                    await loop.sleep(for: .milliseconds(Int64(random.next() % 400)))
                    if !isStopped { await askOnce(as: tenant) }
                }
                active -= 1
            }
        }
    }

    /// The requests that run are still followed to their end.
    func stop() { isStopped = true }

    /// Whether somebody reads an answer of its present life, and slowly.
    func readSlowly(from frontend: VirtualMember) -> Bool { slowReads[.init(frontend: frontend.name, number: frontend.lives)] != nil }

    /// With nothing wrong any more: requests that must be answered whole. At each frontend one after the other, so that the smallest cluster has
    /// room for them; not where the engines refuse some of what they are given as long as they live.
    func probe(each count: Int) {
        for place in frontends.indices {
            active += 1
            loop.spawn { [self] in
                for _ in 0..<count { await probe(place) }
                active -= 1
            }
        }
    }

    private func probe(_ place: Int) async {
        var request = mix.drawChat(&random)
        if !request.wantsObject { request.maxTokens = min(request.maxTokens ?? 24, 24) }
        let asked = begin(place, as: tenants.first { !$0.hasLimits }, parts: 1)
        judge.judge(await clients[place].chat(request, patient(asked.tenant)), to: request, of: asked, mustHold: !enginesRefuse)
    }

    // MARK: One request

    private func askOnce(as tenant: SimulatedTenant?) async {
        let which = Int(random.next() % UInt64(clients.count)), conduct = drawConduct(tenant)
        if let inputs = mix.drawInputs(&random) {
            let asked = begin(which, as: tenant, parts: inputs.count)
            judge.judge(await clients[which].embeddings(of: inputs, RequestMix.model, conduct), of: asked)
        } else {
            let request = mix.drawChat(&random), asked = begin(which, as: tenant, parts: 1)
            let life = AnswerTally.Life(frontend: asked.frontend.name, number: asked.life)
            if conduct.readBytes != nil { slowReads[life, default: 0] += 1 }
            let reply = await clients[which].chat(request, conduct)
            if conduct.readBytes != nil { slowReads[life] = slowReads[life].flatMap { $0 > 1 ? $0 - 1 : nil } }
            judge.judge(reply, to: request, of: asked)
        }
    }

    private func begin(_ place: Int, as tenant: SimulatedTenant?, parts: Int) -> AskedOnce {
        judge.begun(
            AskedOnce(place: place, frontend: frontends[place], tenant: tenant, parts: parts, began: loop.now, life: frontends[place].lives)
        )
    }

    private func patient(_ tenant: SimulatedTenant?) -> ClientConduct {
        var conduct = ClientConduct()
        conduct.patience = Self.patience
        conduct.key = tenant?.key
        return conduct
    }

    private func drawConduct(_ tenant: SimulatedTenant?) -> ClientConduct {
        var conduct = patient(tenant)
        switch random.next() % 12 {
        case 0: conduct.leavesAfterEvents = Int(random.next() % 40)
        case 1: conduct.leavesAfter = .milliseconds(Int64(random.next() % 1_500))
        case 2: (conduct.readBytes, conduct.readInterval) = (64 + Int(random.next() % 400), .milliseconds(40))
        case 3: conduct.writeBytes = 100 + Int(random.next() % 400)
        default: break
        }
        conduct.leavesAbruptly = random.next() % 2 == 0
        return conduct
    }
}
