import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// The router's side of one control link. Which message may come when: `proto-spec/03-exchanges.md#who-may-send-what-when`.
@LoopActor
final class ControlHandler: LinkHandler {
    private let core: RouterCore
    private let record: WorkerRecord
    private var isRegistered = false
    /// Of the last registration; an answer to an earlier one's probe is too late.
    private var registrations = 0

    init(_ core: RouterCore, _ record: WorkerRecord) {
        self.core = core
        self.record = record
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard record.link === link else { return }
        do throws(WireError) {
            switch (header.kind, header.flags.contains(.question)) {
            case (.registerWorker, true):
                guard body.byteCount <= Limits.registrationBytes else {
                    return link.answer(
                        header,
                        with: Failure(
                            .invalidArgument, field: "card", reason: "a registration has \(Limits.registrationBytes) bytes at most"))
                }
                register(try Codec.decodeBody(RegisterWorker.self, from: body), header, link)
            case (.drainNotice, false) where isRegistered: drains(try Codec.decodeBody(DrainNotice.self, from: body))
            case (_, true): link.answer(header, with: Failure(.notAllowedHere, field: "kind", reason: "not now, and not from a worker"))
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    func link(_ link: Link, ended: LinkEnd) { core.workers.detach(record, from: link, ended) }

    // MARK: Registration

    private func register(_ message: RegisterWorker, _ header: MessageHeader, _ link: Link) {
        let addresses: (link: Address, feed: Address)
        do throws(Objection) { addresses = try check(message, link) } catch {
            core.log.warning(
                "registration refused",
                ["worker": .hex(record.life.worker.rawValue), "field": .text(error.field), "reason": .text(error.reason)])
            return link.answer(header, with: Failure(.invalidArgument, field: error.field, reason: error.reason))
        }
        isRegistered = true
        registrations += 1
        let probes = message.events == .exact, card = record.registration?.card.digest
        record.registration = message
        record.linkAddress = addresses.link
        record.endpoints = Endpoints(linkAddress: addresses.link.description, feedAddress: addresses.feed.description)
        let known = record.ranks
        record.ranks = message.ranks.map { capacity in
            var rank = RankRecord(capacity)
            if let old = known.first(where: { $0.capacity.rank == capacity.rank }) { rank.keep(old) }
            return rank
        }
        core.workers.assignSlots(record, instead: known, sameBlocks: card == nil || card == message.card.digest)
        record.provenEvents = probes ? .loadOnly : message.events
        record.eventsReason = probes ? "its hashes are being checked" : ""
        if message.state != .draining { record.drain = .none }
        record.declared = message.state
        record.declaredReason = ""
        // The answer is written once its pool is known, and leaves before anything else that says so.
        core.workers.registered(record)
        core.loop.reaches("worker registered, and not answered")
        link.answer(header, with: WorkerRegistered(events: record.events, parityFollows: probes, warnings: warnings(link)))
        core.sessions.registered(record)
        follow(addresses.feed)
        core.log.info(
            "worker registered",
            [
                "worker": .hex(record.life.worker.rawValue), "name": .text(record.name), "model": .text(message.card.name),
                "ranks": .count(message.ranks.count), "at": .text(addresses.link.description),
            ])
        if probes { probe(link) }
    }

    /// What is wrong with a registration.
    private struct Objection: Error {
        let field: String
        let reason: String
    }

    private func check(_ message: RegisterWorker, _ link: Link) throws(Objection) -> (link: Address, feed: Address) {
        func refused(_ field: String, _ reason: String) -> Objection { Objection(field: field, reason: reason) }
        guard let links = address(message.endpoints.linkAddress, link) else {
            throw refused("linkAddress", "it is no address that could be dialled")
        }
        guard let feed = address(message.endpoints.feedAddress, link) else {
            throw refused("feedAddress", "it is no address that could be dialled")
        }
        guard !message.ranks.isEmpty else { throw refused("ranks", "a worker has one rank at least") }
        for (rank, next) in zip(message.ranks, message.ranks.dropFirst()) where rank.rank >= next.rank {
            throw refused("ranks", "ranks ascend, and none comes twice")
        }
        guard message.card.blockSize > 0 else { throw refused("blockSize", "a block has one token at least") }
        guard message.card.digest == message.card.computedDigest else { throw refused("digest", "it is not the digest of this card") }
        return (links, feed)
    }

    /// As the peers of this router would dial it.
    private func address(_ text: String, _ link: Link) -> Address? {
        guard let address = Address(advertised: text, peer: link.remoteAddress), address.port != 0,
            address.description.utf8.count <= Limits.addressBytes
        else { return nil }
        return address
    }

    private func warnings(_ link: Link) -> [Warning] {
        guard let registration = record.registration else { return [] }
        var warnings: [Warning] = []
        let others = core.workers.pools.others(than: registration.card.digest, named: registration.card.name).filter { !$0.members.isEmpty }
        if !others.isEmpty {
            // Order: sorted.
            let members = Set(others.flatMap { $0.card.differences(from: registration.card) }).sorted().joined(separator: ", ")
            let detail = "workers of this model name have \(others.count) other card(s), which differ in: \(members)"
            warnings.append(Warning(code: .poolSplit, detail: detail))
        }
        if registration.events == .approximate { warnings.append(Warning(code: .approximate, detail: "without usable cache events")) }
        if link.terms.minor < core.context.policy.newestMinor {
            warnings.append(Warning(code: .oldMinor, detail: "the link speaks 1.\(link.terms.minor)"))
        }
        if registration.events == .exact, !registration.card.capabilities.contains(.saltedEvents) {
            warnings.append(Warning(code: .saltUnknown, detail: "cache events do not tell salted prompts apart"))
        }
        if record.pool?.isUnpaired(record) ?? false {
            let role = registration.role == .prefill ? "decodes" : "prefills"
            let difference = record.pool?.unpairedDifference(of: registration) ?? ""
            warnings.append(
                Warning(
                    code: .incompatibleKV,
                    detail:
                        "nobody who \(role) has KV state of its shape and engine build, and its way of handing it over; it differs in: \(difference)"
                ))
            core.log.warning(
                "worker's KV state fits nobody of the other role",
                [
                    "worker": .hex(record.life.worker.rawValue), "role": .text("\(registration.role)"),
                    "build": .text(registration.engineBuild), "has_shape": .text("\(registration.kvShape != nil)"),
                    "differs_in": .text(difference),
                ])
        }
        return warnings
    }

    private func follow(_ feed: Address) {
        if let intake = record.intake {
            if intake.address == feed { return }
            intake.close()
            record.intake = nil
        }
        do throws(TransportError) {
            record.intake = try EventIntake(core, record, feed)
            record.isHeard = false
            record.isFeedSilent = false
            core.workers.changed(record)
        } catch {
            core.log.error("a worker's feed cannot be subscribed to", ["at": .text(feed.description), "reason": .text(error.description)])
        }
    }

    private func drains(_ notice: DrainNotice) {
        if record.drain == .none { record.drain = .noticed }
        core.log.info(
            "worker drains",
            [
                "worker": .hex(record.life.worker.rawValue), "running": .unsigned(UInt64(notice.runningRequests)),
                "waiting": .unsigned(UInt64(notice.waitingRequests)),
            ])
        core.workers.changed(record)
    }

    // MARK: Parity

    private func probe(_ link: Link) {
        guard let card = record.registration?.card else { return }
        let check = ParityCheck(of: card, random: &core.loop.random), registration = registrations
        core.loop.spawn { [weak self] in
            let result = await Self.ask(check, on: link)
            if result != .linkEnded { self?.probed(link, registration, result) }
        }
    }

    private enum Parity: Equatable {
        case shown
        case fault(ParityFault)
        /// Nobody knows.
        case linkEnded
    }

    private static func ask(_ check: ParityCheck, on link: Link) async -> Parity {
        for attempt in 1...RouterLimits.parityAttempts {
            do throws(LinkFailure) {
                let answer = try await link.ask(check.probe, answeredBy: ParityAnswer.self, within: RouterLimits.parityAnswer)
                return check.fault(in: answer).map { .fault($0) } ?? .shown
            } catch {
                switch error {
                case .ended, .malformed: return .linkEnded
                case .failed(let failure) where failure.code == .unsupportedKind || failure.code == .malformed:
                    return .fault(.unanswered("it cannot hash lists of tokens"))
                // It may not have read the answer to its registration yet, or be held up.
                case .failed, .timedOut: if attempt < RouterLimits.parityAttempts { await link.loop.sleep(for: RouterLimits.parityPause) }
                }
            }
        }
        return .fault(.unanswered("it did not hash the lists that it was asked for"))
    }

    private func probed(_ link: Link, _ registration: Int, _ parity: Parity) {
        guard record.link === link, registration == registrations else { return }
        record.provenEvents = parity == .shown ? .exact : .loadOnly
        record.eventsReason = ""
        if case .fault(let fault) = parity {
            record.eventsReason = fault.reason
            record.notes.parityFault(fault.reason, at: core.loop.now)
            core.metrics.failedParity(fault)
            core.log.warning(
                "worker is routed by load alone", ["worker": .hex(record.life.worker.rawValue), "reason": .text(fault.reason)])
        }
        core.workers.changed(record)
    }
}
