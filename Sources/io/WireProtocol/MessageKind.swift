/// Every message there is, with its number on the wire. The table with sender, link and purpose: `proto-spec/README.md`.
///
/// The high byte is the link that the message belongs to; `0x00` is common to all links.
package enum MessageKind: UInt16, CaseIterable, Sendable {
    // every link
    case hello = 0x0001
    case challenge = 0x0002
    case proof = 0x0003
    case welcome = 0x0004
    case refuse = 0x0005
    case heartbeat = 0x0006
    case goodbye = 0x0007
    case goodbyeAck = 0x0008
    case failure = 0x0009

    // control: worker ⇄ router
    case registerWorker = 0x0101
    case workerRegistered = 0x0102
    case parityProbe = 0x0103
    case parityAnswer = 0x0104
    case drainNotice = 0x0105
    case closeSession = 0x0106

    // route: frontend ⇄ router
    case registerFrontend = 0x0201
    case frontendRegistered = 0x0202
    case routeBatch = 0x0203
    case planBatch = 0x0204
    case cancelRoute = 0x0205
    case leasesEnded = 0x0206
    case explainQuestion = 0x0207
    case explainAnswer = 0x0208

    // data: frontend ⇄ worker
    case generateBatch = 0x0301
    case statusBatch = 0x0302
    case tokenBatch = 0x0303
    case cancelBatch = 0x0304
    case openSession = 0x0305
    case sessionOpened = 0x0306
    case endSession = 0x0307
    case sessionEnded = 0x0308

    // kv: worker ⇄ worker
    case roomOpen = 0x0401
    case roomReady = 0x0402
    case kvChunk = 0x0403
    case kvAck = 0x0404
    case roomEnd = 0x0405
    case roomDone = 0x0406
    case roomAbort = 0x0407

    // recovery: router, frontend ⇄ worker; also on route and peer links
    case replayQuestion = 0x0501
    case replayAnswer = 0x0502
    case snapshotQuestion = 0x0503
    case snapshotPage = 0x0504
    case fileQuestion = 0x0505
    case fileAnswer = 0x0506

    // feeds: PUB of workers, routers and frontends
    case workerEvents = 0x0601
    case routerState = 0x0602
    case frontendState = 0x0603
    case beat = 0x0604

    // peer: router ⇄ router
    case registerRouter = 0x0701
    case routerRegistered = 0x0702
}
