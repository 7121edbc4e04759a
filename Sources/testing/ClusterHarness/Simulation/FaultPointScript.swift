import ClusterModel
import EventLoop
import Transport

/// Harm at the places that the product names in its code: which, at which visit, and what becomes of the process, drawn from a seed.
///
/// A build without those places runs the same seeds, and nothing happens here.
final class FaultPointScript: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its cluster's world.

    private enum Harm {
        case kill(ProcessDeath), freeze, breakLinks
    }

    private struct Armed {
        let point: String
        /// It goes well so many times more.
        var passes: Int
        let harm: Harm
        let away: Duration
    }

    private unowned let cluster: VirtualCluster
    private var armed: [Armed] = []
    /// What is refused, and until when.
    private var refused: [(point: String, until: Instant)] = []
    /// One line each: what was done, and when.
    private(set) var events: [FaultEvent] = []
    /// How often processes came to each place.
    private(set) var visits: [String: Int] = [:]

    init(_ cluster: VirtualCluster) { self.cluster = cluster }

    /// At the next visits of that place.
    func arm(_ random: inout SeededRandom, away: Duration) {
        if random.below(3) == 0 {
            let point = random.one(of: FaultPoints.refusals)
            refused.append((point, cluster.world.now + away))
            events.append(FaultEvent("refuse for \(away) what is asked at: \(point)", cluster))
        } else {
            let point = random.one(of: FaultPoints.places), passes = random.below(6)
            let harm: Harm =
                switch random.below(6) {
                case 0: .freeze
                case 1: .breakLinks
                case 2: .kill(.silent)
                default: .kill(.reset)
                }
            armed.append(Armed(point: point, passes: passes, harm: harm, away: away))
        }
    }

    /// Nothing is done any more.
    func disarm() {
        armed = []
        refused = []
    }

    private func strike(_ armed: Armed, _ member: VirtualMember) {
        let cluster = cluster, away = armed.away, life = member.lives
        switch armed.harm {
        case .kill(let how):
            // Clients of a host that falls silent wait for their own patience, which proves nothing of ours.
            let how = member.role == .frontend ? .reset : how
            events.append(FaultEvent("kill \(member.name), \(how), for \(away), at: \(armed.point)", cluster))
            member.kill(how)
            cluster.world.schedule(after: away) { if member.lives == life, !member.isAlive { member.restart() } }
        case .freeze:
            events.append(FaultEvent("freeze \(member.name) for \(away) at: \(armed.point)", cluster))
            member.freeze()
            cluster.world.schedule(after: away) { member.thaw() }
        case .breakLinks:
            events.append(FaultEvent("break all links of \(member.name) at: \(armed.point)", cluster))
            cluster.fabric.breakStreams(of: member.name)
        }
    }
}

extension FaultPointScript: FaultPointWatch {
    @LoopActor func reached(_ point: String, by loop: Loop) {
        visits[point, default: 0] += 1
        guard let place = armed.firstIndex(where: { $0.point == point }),
            let member = cluster.members.first(where: { $0.process.loop === loop && $0.isAlive })
        else { return }
        guard armed[place].passes == 0 else { return armed[place].passes -= 1 }
        strike(armed.remove(at: place), member)
    }

    @LoopActor func fails(at point: String, in loop: Loop) -> Bool {
        visits[point, default: 0] += 1
        return refused.contains { $0.point == point && cluster.world.now < $0.until }
    }
}

/// Something that was done on purpose, and when.
struct FaultEvent: Sendable, CustomStringConvertible {
    let at: Instant
    let what: String

    init(_ what: String, _ cluster: VirtualCluster) {
        at = cluster.world.now
        self.what = what
    }

    var description: String { "\(at.nanoseconds / 1_000_000) ms: \(what)" }
}
