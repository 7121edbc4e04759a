import ClusterModel
import JSONText
import Scheduling

extension RouterSessions {
    /// Numbers only: what clients call their sessions is theirs.
    func debugState(into json: inout JSONWriter) {
        json.beginObject()
        json.key("bound")
        json.number(mirror.count)
        json.key("bindings")
        json.number(mirror.bindings)
        json.key("opening")
        json.number(tentative.count)
        json.key("lost")
        json.number(lost.count)
        json.endObject()
    }
}
