import ClusterModel
import Engines
package import JSONText
import Transport
import WireProtocol

/// The state of a worker, for people.
extension WorkerService {
    package func debugState(into json: inout JSONWriter) {
        json.beginObject()
        json.key("worker")
        json.string(WorkerID(policy.identity.id).description)
        json.key("generation")
        json.string(Generation(policy.identity.generation).description)
        guard let core else { return json.endObject() }
        json.key("state")
        json.string("\(core.state)")
        json.key("reason")
        json.string(core.stateReason)
        json.key("role")
        json.string("\(drainControl?.role ?? .aggregated)")
        json.key("sessions")
        json.number(core.sessions.count)
        json.key("model")
        json.string(core.model.card.name)
        json.key("pool")
        json.string(core.model.card.digest.hex)
        json.key("engine")
        json.string(core.profile.name)
        json.key("engine_remarks")
        json.beginArray()
        for remark in engineRemarks { json.string(remark) }
        json.endArray()
        json.key("stream")
        json.number(core.events.lastSequence)
        json.key("requests")
        json.number(core.table.openCount)
        json.key("closing")
        json.number(core.table.closingCount)
        json.key("remembered")
        json.number(core.table.memory.count)
        json.key("data_links")
        json.number(dataLinks.count)
        json.key("recovery_links")
        json.number(recoveryLinks.count)
        json.key("rooms")
        json.number(core.rooms.openCount)
        json.key("tombstones")
        json.number(core.rooms.tombstoneCount)
        json.key("kv_links")
        json.number(kvLinks.count + core.rooms.sendingLinkCount)
        json.key("kv_bytes")
        json.number(kvBytesHeld)
        json.key("ranks")
        json.beginArray()
        for load in core.table.ranks.map(\.load) { Self.write(load, into: &json) }
        json.endArray()
        json.key("routers")
        json.beginArray()
        for registration in registrations {
            json.beginObject()
            json.key("address")
            json.string(registration.address.description)
            json.key("state")
            json.string(registration.state.words)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }

    private static func write(_ load: RankLoad, into json: inout JSONWriter) {
        json.beginObject()
        let fields: [(String, UInt64)] = [
            ("rank", UInt64(load.rank)), ("waiting_tokens", load.waitingTokens), ("waiting_requests", UInt64(load.waitingRequests)),
            ("running_requests", UInt64(load.runningRequests)), ("active_blocks", UInt64(load.activeBlocks)),
            ("used_blocks", UInt64(load.usedBlocks)), ("total_blocks", UInt64(load.totalBlocks)),
            ("session_blocks", UInt64(load.sessionBlocks)),
        ]
        for (name, value) in fields {
            json.key(name)
            json.number(value)
        }
        json.endObject()
    }
}
