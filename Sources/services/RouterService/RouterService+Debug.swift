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
        json.key("index")
        write(core.cache.counts, to: &json)
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
        json.key("takes_work")
        json.bool(record.takesWork)
        json.key("events")
        json.string("\(record.events)")
        json.key("events_reason")
        json.string(record.routingReason)
        json.key("doubt")
        if let doubt = record.trust.doubt { json.string("\(doubt)") } else { json.null() }
        json.key("in_step")
        json.bool(record.isInStep)
        json.key("notes")
        record.notes.write(to: &json, at: core.loop.now)
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
        for index in record.ranks.indices {
            let turnover = record.ranks[index].turnover?.times ?? 0
            write(core.workers.load(of: record, index), turnover: turnover, latency(of: record, index, core), to: &json)
        }
        json.endArray()
        json.endObject()
    }

    private func latency(of record: WorkerRecord, _ index: Int, _ core: RouterCore) -> (LatencyEstimate?, measured: UInt64) {
        let meter = record.ranks[index].meter
        return (meter.estimate(at: core.loop.now), meter.count)
    }

    private func write(_ counts: IndexCounts, to json: inout JSONWriter) {
        json.beginObject()
        json.key("bytes")
        json.number(counts.bytes)
        json.key("blocks")
        json.number(counts.blocks)
        json.key("copies")
        json.number(counts.copies)
        json.key("active_blocks")
        json.number(counts.activeBlocks)
        json.key("predicted_blocks")
        json.number(counts.predictedBlocks)
        json.key("slots")
        json.number(counts.slots)
        json.key("retired_slots")
        json.number(counts.retiredSlots)
        json.key("evicted")
        json.number(counts.evicted)
        json.key("refused")
        json.number(counts.refused)
        json.key("parents_not_found")
        json.number(counts.parentsNotFound)
        json.key("blocks_not_found")
        json.number(counts.blocksNotFound)
        json.endObject()
    }

    private func write(
        _ load: PlacementLoad, turnover: Double, _ latency: (LatencyEstimate?, measured: UInt64), to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("rank")
        json.number(UInt64(load.load.rank))
        json.key("waiting_tokens")
        json.number(load.load.waitingTokens)
        json.key("waiting_requests")
        json.number(UInt64(load.load.waitingRequests))
        json.key("running_requests")
        json.number(UInt64(load.load.runningRequests))
        json.key("active_blocks")
        json.number(UInt64(load.load.activeBlocks))
        json.key("total_blocks")
        json.number(UInt64(load.load.totalBlocks))
        json.key("indexed_blocks")
        json.number(load.indexedBlocks)
        json.key("turnover")
        json.number(turnover)
        json.key("measured_durations")
        json.number(latency.measured)
        json.key("latency")
        if let estimate = latency.0 { write(estimate, to: &json) } else { json.null() }
        json.key("leases")
        json.number(UInt64(load.requests))
        json.key("leased_prefill_tokens")
        json.number(load.prefillTokens)
        json.key("busy")
        json.bool(load.busy)
        json.endObject()
    }

    /// What was not measured is not there.
    private func write(_ estimate: LatencyEstimate, to json: inout JSONWriter) {
        json.beginObject()
        if estimate.knowsPrefill {
            json.key("prefill_milliseconds")
            json.number(Double(estimate.prefillFixed))
            json.key("prefill_token_milliseconds")
            json.number(Double(estimate.prefillToken))
        }
        if estimate.knowsStep {
            json.key("step_milliseconds")
            json.number(Double(estimate.step))
            json.key("step_block_milliseconds")
            json.number(Double(estimate.stepBlock))
        }
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
        json.key("ready_workers")
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
        json.key("unsent_bytes")
        json.number(session.link.unsentBytes)
        json.endObject()
    }
}
