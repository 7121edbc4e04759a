package import WireProtocol

/// Every message there is, by its kind: what tools and tests that walk over all of them use.
package enum MessageCatalog {
    /// A new kind does not compile before it stands here.
    package static func messageType(for kind: MessageKind) -> any WireMessage.Type {
        switch kind {
        case .hello: Hello.self
        case .challenge: Challenge.self
        case .proof: Proof.self
        case .welcome: Welcome.self
        case .refuse: Refuse.self
        case .heartbeat: Heartbeat.self
        case .goodbye: Goodbye.self
        case .goodbyeAck: GoodbyeAck.self
        case .failure: Failure.self
        case .registerWorker: RegisterWorker.self
        case .workerRegistered: WorkerRegistered.self
        case .parityProbe: ParityProbe.self
        case .parityAnswer: ParityAnswer.self
        case .drainNotice: DrainNotice.self
        case .closeSession: CloseSession.self
        case .registerFrontend: RegisterFrontend.self
        case .frontendRegistered: FrontendRegistered.self
        case .routeBatch: RouteBatch.self
        case .planBatch: PlanBatch.self
        case .cancelRoute: CancelRoute.self
        case .leasesEnded: LeasesEnded.self
        case .explainQuestion: ExplainQuestion.self
        case .explainAnswer: ExplainAnswer.self
        case .generateBatch: GenerateBatch.self
        case .statusBatch: StatusBatch.self
        case .tokenBatch: TokenBatch.self
        case .cancelBatch: CancelBatch.self
        case .openSession: OpenSession.self
        case .sessionOpened: SessionOpened.self
        case .endSession: EndSession.self
        case .sessionEnded: SessionEnded.self
        case .roomOpen: RoomOpen.self
        case .roomReady: RoomReady.self
        case .kvChunk: KVChunk.self
        case .kvAck: KVAck.self
        case .roomEnd: RoomEnd.self
        case .roomDone: RoomDone.self
        case .roomAbort: RoomAbort.self
        case .replayQuestion: ReplayQuestion.self
        case .replayAnswer: ReplayAnswer.self
        case .snapshotQuestion: SnapshotQuestion.self
        case .snapshotPage: SnapshotPage.self
        case .fileQuestion: FileQuestion.self
        case .fileAnswer: FileAnswer.self
        case .workerEvents: WorkerEvents.self
        case .routerState: RouterState.self
        case .frontendState: FrontendState.self
        case .beat: Beat.self
        case .registerRouter: RegisterRouter.self
        case .routerRegistered: RouterRegistered.self
        }
    }

    /// The message of that kind in an unpacked body.
    package static func decode(_ kind: MessageKind, body: RawSpan) throws(WireError) -> any WireMessage {
        try decodeBody(messageType(for: kind), body)
    }

    /// The message of that kind in an unpacked body as the JSON of the vectors.
    package static func decodeAndDescribe(_ kind: MessageKind, body: RawSpan) throws(WireError) -> [UInt8] {
        describe(try decode(kind, body: body))
    }

    package static func describe<M: WireMessage>(_ message: M) -> [UInt8] { JSONDescriber.describe(message) }

    /// The body of a message as a writer gives it.
    package static func body<M: WireMessage>(_ message: M) -> [UInt8] {
        var bytes: [UInt8] = []
        Codec.append(message, to: &bytes)
        return [UInt8](bytes.dropFirst(MessageHeader.byteCount))
    }

    /// A message of that kind with fields drawn from `seed`.
    package static func random(
        _ kind: MessageKind, seed: UInt64, _ fullness: RandomFiller.Fullness = .random
    ) -> any WireMessage {
        fill(messageType(for: kind), seed, fullness)
    }

    private static func decodeBody<M: WireMessage>(_ type: M.Type, _ body: RawSpan) throws(WireError) -> any WireMessage {
        try Codec.decodeBody(type, from: body)
    }

    private static func fill<M: WireMessage>(
        _ type: M.Type, _ seed: UInt64, _ fullness: RandomFiller.Fullness
    ) -> any WireMessage {
        RandomFiller.message(type, seed: seed, fullness)
    }
}
