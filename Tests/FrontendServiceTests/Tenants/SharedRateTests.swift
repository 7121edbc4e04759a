import ClusterModel
import EventLoop
import Telemetry
import Testing
import WireProtocol

@testable import FrontendService

@Suite("One token rate of several frontends")
struct SharedRateTests {
    /// Frontends that hear of one another's charges, with one tenant whose requests end as the test says.
    @LoopActor
    private final class Fleet {
        private struct Request {
            let frontend: Int
            let reserved: TenantTokens
            let used: TenantTokens
            let end: Instant
        }

        private let accounts: [TenantAccount]
        /// By who hears and who is heard.
        private var heard: [[PeerTotals]]
        private var requests: [Request] = []
        private(set) var now = Instant.zero
        private(set) var used = 0

        init(_ frontends: Int, perMinute: Int, burst: Int) {
            var tenant = Tenant()
            (tenant.name, tenant.tokensPerMinute, tenant.burstTokens) = ("a", perMinute, burst)
            accounts = (0..<frontends).map { [tenant] _ in
                TenantAccount(tenant, TenantMetrics(registry: MetricsRegistry()).series(of: "a"), at: .zero)
            }
            heard = Array(repeating: Array(repeating: PeerTotals(), count: frontends), count: frontends)
            for frontend in accounts.indices { tell(of: frontend) }
        }

        /// True: it was let in.
        @discardableResult
        func ask(_ frontend: Int, reserves: Int, uses: Int, for span: Duration) -> Bool {
            let reserved = TenantTokens(prompt: 0, output: reserves)
            guard accounts[frontend].enter() == nil else { return false }
            guard accounts[frontend].reserve(reserved, at: now) == nil else {
                accounts[frontend].leave()
                return false
            }
            requests.append(Request(frontend: frontend, reserved: reserved, used: TenantTokens(prompt: 0, output: uses), end: now + span))
            return true
        }

        /// What one frontend says is heard by all others at once.
        func tell(of frontend: Int) {
            guard let charge = accounts[frontend].charge(again: true) else { return }
            for reader in accounts.indices where reader != frontend {
                let news = heard[reader][frontend].take(charge)
                heard[reader][frontend].forgive(accounts[reader].chargedElsewhere(news, at: now), of: charge.tenant)
            }
        }

        func pass(_ span: Duration) {
            now = now + span
            for request in requests where request.end <= now {
                accounts[request.frontend].settle(request.reserved, as: request.used, at: now)
                accounts[request.frontend].leave()
                used += request.used.all
            }
            requests.removeAll { $0.end <= now }
        }

        func passAll() { while !requests.isEmpty { pass(.seconds(1)) } }
    }

    private func with(_ frontends: Int, perMinute: Int, burst: Int, _ body: @LoopActor (Fleet) -> Void) {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("fleet")
        loop.perform { body(Fleet(frontends, perMinute: perMinute, burst: burst)) }
        withExtendedLifetime(world) {}
    }

    @Test("one that reserves far more than a burst and is short gives nobody anything that the rate does not")
    func reservations() {
        with(2, perMinute: 6_000, burst: 6_000) { fleet in
            for _ in 0..<200 {
                // At one frontend much is reserved and little used; at the other one all of a burst that it has.
                fleet.ask(1, reserves: 100_000, uses: 20, for: .seconds(2))
                fleet.ask(0, reserves: 6_000, uses: 6_000, for: .seconds(1))
                for _ in 0..<12 {
                    fleet.tell(of: 0)
                    fleet.tell(of: 1)
                    fleet.pass(.milliseconds(250))
                }
            }
            let span = fleet.now
            fleet.passAll()
            let allowed = 2 * 6_000 + 100 * Int(span.nanoseconds / 1_000_000_000)
            #expect(fleet.used <= allowed, "\(fleet.used) of \(allowed)")
            #expect(fleet.used >= allowed / 4, "\(fleet.used) of \(allowed): nobody is shut out")
        }
    }

    @Test(
        "whatever is asked for, where and when, all together use no more than the rate, and a burst each",
        arguments: 1...8 as ClosedRange<UInt64>)
    func bound(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let frontends = Int.random(in: 1...5, using: &random), burst = Int.random(in: 100...10_000, using: &random)
        let perMinute = burst * Int.random(in: 1...4, using: &random), isModest = seed % 2 == 0
        with(frontends, perMinute: perMinute, burst: burst) { fleet in
            for step in 1...4_000 {
                if Int.random(in: 0...3, using: &random) > 0 {
                    let most = isModest || Int.random(in: 0...9, using: &random) > 0 ? burst : 50 * burst
                    let reserves = Int.random(in: 1...most, using: &random)
                    let uses = Int.random(in: 0...min(reserves, burst), using: &random)
                    fleet.ask(
                        Int.random(in: 0..<frontends, using: &random), reserves: reserves, uses: uses,
                        for: .milliseconds(Int.random(in: 50...20_000, using: &random)))
                }
                if step % 5 == 0 { for frontend in 0..<frontends { fleet.tell(of: frontend) } }
                fleet.pass(.milliseconds(50))
            }
            let seconds = Double(fleet.now.nanoseconds) / 1e9
            fleet.passAll()
            let rate = Double(perMinute) / 60 * seconds
            #expect(Double(fleet.used) <= Double(frontends * burst) + rate + 1, "seed \(seed): \(fleet.used) of \(rate)")
            #expect(Double(fleet.used) >= rate / 20, "seed \(seed): \(fleet.used) of \(rate)")
        }
    }
}
