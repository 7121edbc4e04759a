import ClusterFollowing
import ClusterModel
import EventLoop
import JSONText
import WireProtocol

/// The tables that pages see, kept as the picture changes. Their columns: `deploy/guides/dashboard.md#what-programs-get`.
@LoopActor
struct PictureBook {
    private(set) var tables = Name.allCases.map { PictureTable($0.rawValue, isSilent: $0 == .points) }
    /// The newest change of all; ascends for as long as the process lives, so that a page that comes back is understood.
    private(set) var revision: UInt64 = 0
    private var workers: [(key: String, value: LoadPlace)] = []
    private var isDue = true

    enum Name: String, CaseIterable {
        case cluster, routers, frontends, workers, queues, tenants, waiting, warnings, points
    }

    /// What every page shows above all: who tells it, and how far it can be believed.
    struct Teller {
        let name: String
        let version: String
        let generation: UInt64
        let watchers: Int
    }

    /// - Parameters:
    ///   - own: what is to be warned of beside what the picture knows.
    ///   - point: of the second that has passed, if one has.
    mutating func update(
        from picture: ClusterPicture, waits: WaitBook, own: [Warning], told teller: Teller, point: TrafficMeter.Point?, at now: Instant
    ) {
        if let point { append(point) }
        if point != nil || isDue {
            isDue = false
            workers = picture.places.map { ("\(Hexadecimal.text($0.worker))/\($0.rank)", $0) }
            // Once a second is often enough for what is read and not watched.
            let warnings = picture.warnings(beside: own, at: now)
            change(.warnings) { $0.update(warnings.map { ($0.key, $0) }, &$1, PictureRows.warning) }
            change(.frontends) { table, revision in
                table.update(PictureRows.frontendKeys(picture), &revision) { PictureRows.frontend($0, of: picture, &$1) }
            }
            change(.tenants) { table, revision in
                table.update(PictureRows.tenantKeys(picture), &revision) { PictureRows.tenant($0, of: picture, &$1) }
            }
            change(.waiting) { table, revision in
                table.update(waits.lines(at: now).map { ("\($0.key.priorityClass) \($0.key.tenant)", $0) }, &revision, PictureRows.waiting)
            }
            change(.cluster) { $0.set("cluster", &$1) { PictureRows.cluster(picture, teller, &$0) } }
        }
        change(.routers) { table, revision in
            table.update(picture.cluster.routers.map { ("\($0.ordinal)", $0) }, &revision) { PictureRows.router($0, &$1) }
        }
        let ranks = workers
        change(.workers) { table, revision in
            table.update(ranks, &revision) { PictureRows.worker($0, of: picture, &$1) }
        }
        change(.queues) { table, revision in
            table.update(PictureRows.queueKeys(picture), &revision) { PictureRows.queue($0, &$1) }
        }
    }

    /// What was shown of a cluster that nobody follows any more is not shown as if it were so.
    mutating func clear() {
        for name in Name.allCases {
            change(name) { table, revision in for key in table.rows.keys.sorted() { table.remove(key, &revision) } }
        }
        workers = []
        isDue = true
    }

    private mutating func append(_ point: TrafficMeter.Point) {
        change(.points) { table, revision in
            table.set("\(point.second)", &revision) { PictureRows.point(point, &$0) }
            let oldest = point.second - Int64(DashboardLimits.points)
            // Order: each that is too old goes.
            for key in table.rows.keys where Int64(key) ?? 0 <= oldest { table.remove(key, &revision) }
        }
    }

    private mutating func change(_ name: Name, _ body: (inout PictureTable, inout UInt64) -> Void) {
        guard let place = Name.allCases.firstIndex(of: name) else { return }
        // The table is held beside the others while it changes, and not copied.
        var newest = revision
        body(&tables[place], &newest)
        revision = newest
    }
}
