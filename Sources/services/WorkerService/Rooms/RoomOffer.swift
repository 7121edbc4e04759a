import ClusterModel
import EventLoop
import WireProtocol

/// A RoomOpen that is not answered yet: where it came from, and its question.
struct RoomOffer {
    let open: RoomOpen
    let header: MessageHeader
    let link: ReceivingLink
    /// Of the first one, where a peer offers its room again: its patience began there.
    var arrivedAt: Instant

    @LoopActor
    func refuse(_ failure: FailureDetail) { link.refuse(self, failure) }
}
