import EventLoop
import HTTPServing
import ProcessKit

/// The pages that are fed: each is told what changed since it was last told, as fast as it takes it.
@LoopActor
final class Watchers {
    private struct Watcher {
        let exchange: HTTPExchange
        var seen: UInt64 = 0
        var quietTicks = 0
    }

    private var watchers: [Watcher] = []
    /// Told when the first comes and when the last has gone.
    private let changed: @LoopActor () -> Void

    /// A word that says nothing but the time, after two seconds of silence: by it a page knows that it is connected, and that nothing has changed.
    private static let quietTicks = 8

    init(changed: @escaping @LoopActor () -> Void) { self.changed = changed }

    var count: Int { watchers.count }
    var isFull: Bool { watchers.count >= DashboardLimits.watchers }

    /// Begins a stream of events on the exchange.
    func add(_ exchange: HTTPExchange) {
        exchange.beginStream(.ok, headers: ServerSentEvents.headers + AdminService.pageGuards)
        exchange.whenGone = { [weak self, weak exchange] in self?.drop { $0 === exchange } }
        watchers.append(Watcher(exchange: exchange))
        changed()
    }

    func close() {
        let all = watchers
        watchers = []
        for watcher in all { watcher.exchange.endStream() }
    }

    /// One message for all pages that have seen the same.
    func tell(_ tables: [PictureTable], atMilliseconds milliseconds: Int64) {
        var made: [UInt64: PictureMessage?] = [:]
        for index in watchers.indices {
            let exchange = watchers[index].exchange
            // It has enough to read; when it has read it, it gets what is newest.
            guard exchange.unsentBytes < DashboardLimits.unsentBytes else { continue }
            let seen = watchers[index].seen
            let message = made[seen] ?? PictureMessage(tables, since: seen, atMilliseconds: milliseconds)
            made[seen] = .some(message)
            if let message {
                watchers[index].seen = message.seen
                watchers[index].quietTicks = 0
                exchange.append(inBulk: true) { ServerSentEvents.append(event: "picture", data: message.json, to: &$0) }
            } else {
                watchers[index].quietTicks += 1
                guard watchers[index].quietTicks >= Self.quietTicks else { continue }
                watchers[index].quietTicks = 0
                exchange.append { ServerSentEvents.append(event: "quiet", data: Array("{\"at\":\(milliseconds)}".utf8), to: &$0) }
            }
        }
    }

    private func drop(_ isMeant: (HTTPExchange) -> Bool) {
        watchers.removeAll { isMeant($0.exchange) }
        changed()
    }
}
