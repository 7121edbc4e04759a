import ClusterModel
import EventLoop
package import JSONText
import Scheduling
import Transport
import WireProtocol

extension RouterService {
    /// Everything that a decision rests on, as one JSON value.
    package func debugState(into json: inout JSONWriter) {
        guard let core else { return json.null() }
        json.beginObject()
        json.key("draining")
        json.bool(core.isDraining)
        json.key("sequence")
        json.number(core.publisher.sequence)
        json.key("leases")
        json.number(core.ledger.table.count)
        json.key("tombstones")
        json.number(core.ledger.table.tombstoneCount)
        json.key("decisions")
        json.number(core.decisions.count)
        json.key("sessions")
        core.sessions.debugState(into: &json)
        core.queue.debugState(into: &json)
        json.key("workers")
        json.beginArray()
        for record in core.workers.all { write(record, core, to: &json) }
        json.endArray()
        json.key("pools")
        json.beginArray()
        for pool in core.workers.pools.all { write(pool, to: &json) }
        json.endArray()
        json.key("frontends")
        json.beginArray()
        for session in core.frontends.all { write(session, to: &json) }
        json.endArray()
        json.key("peers")
        core.peers.debugState(into: &json, ledger: core.ledger)
        json.endObject()
    }

    private func write(_ record: WorkerRecord, _ core: RouterCore, to json: inout JSONWriter) {
        let (state, reason) = record.state
        json.beginObject()
        json.key("id")
        json.string(record.life.worker.description)
        json.key("generation")
        json.string(record.life.generation.description)
        json.key("name")
        json.string(record.name)
        json.key("attached")
        json.bool(record.isAttached)
        json.key("state")
        json.string("\(state)")
        json.key("reason")
        json.string(reason)
        json.key("takesWork")
        json.bool(record.takesWork)
        json.key("events")
        json.string("\(record.events)")
        json.key("inStep")
        json.bool(record.isInStep)
        json.key("position")
        json.number(record.intake?.position ?? 0)
        json.key("links")
        json.string(record.endpoints.linkAddress)
        json.key("feed")
        json.string(record.endpoints.feedAddress)
        json.key("model")
        json.string(record.registration?.card.name ?? "")
        json.key("ranks")
        json.beginArray()
        for index in record.ranks.indices { write(core.workers.load(of: record, index), to: &json) }
        json.endArray()
        json.endObject()
    }

    private func write(_ load: PlacementLoad, to json: inout JSONWriter) {
        json.beginObject()
        json.key("rank")
        json.number(UInt64(load.load.rank))
        json.key("waitingTokens")
        json.number(load.load.waitingTokens)
        json.key("waitingRequests")
        json.number(UInt64(load.load.waitingRequests))
        json.key("runningRequests")
        json.number(UInt64(load.load.runningRequests))
        json.key("activeBlocks")
        json.number(UInt64(load.load.activeBlocks))
        json.key("totalBlocks")
        json.number(UInt64(load.load.totalBlocks))
        json.key("leases")
        json.number(UInt64(load.requests))
        json.key("leasedPrefillTokens")
        json.number(load.prefillTokens)
        json.key("busy")
        json.bool(load.busy)
        json.endObject()
    }

    private func write(_ pool: Pool, to json: inout JSONWriter) {
        json.beginObject()
        json.key("model")
        json.string(pool.name)
        json.key("digest")
        json.string(pool.digest.hex)
        json.key("workers")
        json.number(pool.members.count)
        json.key("readyWorkers")
        json.number(pool.readyWorkers)
        json.key("current")
        json.bool(pool.isCurrent)
        json.endObject()
    }

    private func write(_ session: RouteHandler, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(FrontendID(session.identity.id).description)
        json.key("nonce")
        json.string(FrontendID(session.identity.generation).description)
        json.key("name")
        json.string(session.identity.name)
        json.key("registered")
        json.bool(session.registration != nil)
        json.key("unsentBytes")
        json.number(session.link.unsentBytes)
        json.endObject()
    }
}
