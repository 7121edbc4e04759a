import ClusterModel
import JSONText
import Scheduling
import Transport
import WireProtocol

extension PeerDirectory {
    func debugState(into json: inout JSONWriter, ledger: LeaseLedger) {
        json.beginArray()
        for peer in all {
            json.beginObject()
            json.key("id")
            json.string(peer.life.router.description)
            json.key("generation")
            json.string(peer.life.generation.description)
            json.key("name")
            json.string(peer.name)
            json.key("state")
            json.string("\(peer.state)")
            json.key("linked")
            json.bool(peer.isLinked)
            json.key("dialled_here")
            json.bool(peer.session?.link.isDialer ?? false)
            json.key("heard")
            json.bool(peer.stream?.isHeard ?? false)
            json.key("in_step")
            json.bool(peer.stream?.isInStep ?? false)
            json.key("position")
            json.number(peer.stream?.position ?? 0)
            json.key("bookings")
            json.number(ledger.bookings(of: peer.life))
            json.key("frontends")
            json.number(peer.stream?.frontends.count ?? 0)
            json.endObject()
        }
        json.endArray()
    }
}
