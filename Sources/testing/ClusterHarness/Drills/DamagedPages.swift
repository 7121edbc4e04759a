import ClusterModel
import EventLoop
import StreamFollowing
import WireProtocol

/// Routers that begin anew are sent damaged snapshots: they refuse them, begin cold, and never believe a word of them.
enum DamagedPages {
    static let drill = VirtualDrill(
        "pages", proves: "T22",
        "snapshots that routers ask for come with bits flipped or cut short: refused by their checksum, and nothing wrong is believed",
        [healed]
    ) { stage in try play(stage) }

    /// From the last damaged page until every router believes what is so: the longest pause behind recoveries that failed again and again,
    /// half of it for its jitter, and a second to read.
    private static let healed = DrillFigure("index true", atMost: FollowingLimits.longestPause * 3 / 2 + .seconds(1))
    private static let look = Duration.milliseconds(100)

    private static func play(_ stage: VirtualStage) throws {
        var shape = ClusterShape()
        shape.routers = stage.random.within(1...2)
        shape.frontends = 2
        shape.workerOptions = ["--blocks", "2000", "--mock-decode-step", "2ms", "--mock-prefill-token", "2us"]
        let damage = PageDamage(stage.random.split())
        let cluster = try stage.open(shape, watchedEach: .milliseconds(20)) { $0.interposing = damage.interposer }
        for number in 0..<(stage.size == .whole ? 200 : 40) {
            stage.ask(EventDrills.request(number, families: 40, tokens: 4, seed: stage.seed))
        }
        try stage.untilAnswered(within: .seconds(60))
        stage.require(
            EventDrills.untilTrue(stage, within: .seconds(5)) != nil, "routers are wrong before anything is: \(EventDrills.errors(cluster))"
        )
        damage.isOn = true
        for router in cluster.members(.router) { router.kill() }
        cluster.pass(.milliseconds(200))
        for router in cluster.members(.router) { router.restart() }
        let end = cluster.world.now + (stage.size == .whole ? .seconds(60) : .seconds(15))
        while cluster.world.now < end {
            cluster.pass(look)
            for phantom in EventDrills.phantoms(cluster) { stage.violated(phantom) }
        }
        stage.require(damage.pages > 5, "only \(damage.pages) pages were damaged")
        // A cold router routes all the same.
        for number in 0..<8 { stage.ask(EventDrills.request(10_000 + number, families: 40, tokens: 4, seed: stage.seed)) }
        try stage.untilAnswered(within: .seconds(20))
        damage.isOn = false
        stage.describe("\(damage.pages) pages damaged, \(damage.cut) of them cut short, for \(shape.routers) routers")
        let span = EventDrills.untilTrue(stage, within: .seconds(30))
        if let span { stage.measure(healed, span) } else { for error in EventDrills.errors(cluster) { stage.violated(error) } }
        stage.judge()
        try stage.settle()
    }
}

/// Damages every snapshot page that tells a router of an index, in its body: the frames around it are right, as behind a checksum of the transport's own.
private final class PageDamage {
    var isOn = false
    private(set) var pages = 0
    private(set) var cut = 0
    private var random: SeededRandom

    init(_ random: SeededRandom) { self.random = random }

    /// What workers say to routers, and routers to one another. Frontends have no index: what they read from routers is who is there.
    func interposer(_ process: String, _ origin: ConnectionOrigin, _ loop: VirtualLoop) -> (any Interposer)? {
        switch origin {
        case .accepted: process.hasPrefix("worker") ? Sender(self) : nil
        case .dialled: process.hasPrefix("router") ? Sender(self) : nil
        case .published, .subscribed: nil
        }
    }

    private func damaged(_ message: [UInt8], _ header: MessageHeader) -> [UInt8] {
        guard var body = LaterSpeaker.plainBody(message, header), !body.isEmpty else { return message }
        pages += 1
        if random.below(4) == 0 {
            cut += 1
            body.removeLast(1 + random.below(body.count))
        } else {
            // Different bits: the same one twice would be no damage.
            let bit = random.below(body.count * 8)
            body[bit / 8] ^= 1 << UInt8(bit % 8)
            let other = (bit + 1 + random.below(body.count * 8 - 1)) % (body.count * 8)
            if random.flip() { body[other / 8] ^= 1 << UInt8(other % 8) }
        }
        var whole: [UInt8] = []
        let start = Codec.beginMessage(
            MessageHeader(kind: .snapshotPage, flags: header.flags.subtracting(.compressed), origin: header.origin, number: header.number),
            in: &whole)
        whole += body
        Codec.patchBodyLength(of: start, in: &whole)
        return whole
    }

    private final class Sender: Interposer {
        private let damage: PageDamage
        init(_ damage: PageDamage) { self.damage = damage }

        func leaving(_ message: [UInt8]) -> [[UInt8]] {
            guard damage.isOn, let header = try? MessageHeader(reading: message.span.bytes), header.kind == .snapshotPage else {
                return [message]
            }
            return [damage.damaged(message, header)]
        }
    }
}
