package import EventLoop

/// Where a drill runs: a loop, a size, one cluster at a time, and who hears of its rows.
@LoopActor
package final class DrillStage {
    package let loop: EpollLoop
    package let settings: DrillSettings
    package private(set) var rows: [DrillRow] = []
    private let heard: @LoopActor (DrillRow) -> Void
    private var cluster: ProcessCluster?

    package init(on loop: EpollLoop, _ settings: DrillSettings, heard: @escaping @LoopActor (DrillRow) -> Void = { _ in }) {
        self.loop = loop
        self.settings = settings
        self.heard = heard
    }

    /// Runs a drill to its end. What keeps it from being judged is a row that fails.
    package func run(_ drill: Drill) async {
        do { try await drill.run(self) } catch {
            var row = DrillRow(drill.name, "")
            row.failures.append("it could not go on: \(error)")
            add(row)
        }
    }

    func add(_ row: DrillRow) {
        rows.append(row)
        heard(row)
    }

    /// One case: a cluster of that shape, unless a short run leaves it out, what happens in it, and whether it is at rest after that.
    func play(
        _ drill: String, _ name: String, _ shape: ClusterShape, isMinor: Bool = false,
        _ body: @escaping @LoopActor @Sendable (ProcessCluster, inout DrillRow) async throws -> Void
    ) async throws {
        guard settings.runs(name, isMinor: isMinor) else { return }
        var row = DrillRow(drill, name)
        let played = Played()
        do {
            try await ProcessCluster.with(shape, on: loop) { cluster in
                self.cluster = cluster
                var row = DrillRow(drill, name)
                do { try await body(cluster, &row) } catch let missing as NotPermitted {
                    row.skipped = missing.description
                } catch {
                    row.failures.append("it could not go on: \(error)")
                    row.failures += cluster.members.filter { !$0.isRunning }.map { "\($0.name) is gone: \($0.lastWords)" }
                }
                played.row = row
            }
            row = played.row ?? row
        } catch { row.failures.append("the cluster does not start: \(error)") }
        cluster = nil
        add(row)
    }

    /// Ends what runs, at once.
    package func abandon() { cluster?.abandon() }

    @LoopActor
    private final class Played { var row: DrillRow? }
}
