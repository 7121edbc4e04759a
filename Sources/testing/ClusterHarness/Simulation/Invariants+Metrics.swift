import Telemetry

/// What processes count must be what happened.
extension Invariants {
    /// Gauges of what lasts: nothing lasts at rest.
    private static func gauges(of role: ClusterRole) -> [String] {
        switch role {
        case .frontend:
            [
                "dynamo_frontend_inflight_requests", "dynamo_frontend_active_requests", "dynamo_frontend_queued_requests",
                "apus_frontend_streams_open", "apus_frontend_buffered_bytes", "apus_frontend_tenant_requests_running",
            ]
        case .router: ["apus_router_leases", "apus_router_queue_requests", "apus_router_queue_tokens"]
        case .worker:
            [
                "apus_worker_running_requests", "apus_worker_waiting_requests", "apus_worker_waiting_tokens", "apus_worker_active_blocks",
                "apus_worker_kv_rooms",
            ]
        }
    }

    /// With nothing running.
    static func metrics(_ cluster: VirtualCluster, _ tally: AnswerTally) -> [String] {
        cluster.members.filter(\.isAlive).flatMap { member in
            let sums = member.process.sums
            let known = Set(member.process.metricCatalogue.map(\.name)), gauges = gauges(of: member.role)
            var violations = gauges.filter { sums[$0] != 0 }.map { "\(member.name), at rest: \($0) is \(sums[$0])" }
            violations += gauges.filter { !known.contains($0) }.map { "\(member.name) has no metric \($0)" }
            guard member.role == .frontend, let clients = tally.lives[.init(frontend: member.name, number: member.lives)] else {
                return violations
            }
            // Its clients know what they sent and what they got; what broke on its way there may have arrived or not.
            let counted = Int(sums["dynamo_frontend_requests_total"]), tokens = Int(sums["dynamo_frontend_output_tokens_total"])
            if !(clients.complete...clients.begun).contains(counted) {
                violations.append(
                    "\(member.name) counted \(counted) requests, of which clients sent \(clients.begun), and \(clients.complete) were answered"
                )
            }
            if !(clients.tokens...max(clients.tokens, clients.mostTokens)).contains(tokens) {
                violations.append(
                    "\(member.name) counted \(tokens) tokens, and clients got \(clients.tokens), of \(clients.mostTokens) at most")
            }
            return violations
        }
    }
}
