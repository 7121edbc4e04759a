import EventLoop
import WireProtocol

/// A RoomOpen that is not answered yet: where it came from, and its question.
struct RoomOffer {
    let open: RoomOpen
    let header: MessageHeader
    let link: ReceivingLink

    @LoopActor
    func refuse(_ failure: FailureDetail) { link.refuse(self, failure) }
}
