import ClusterModel
import JSONText
@testable import LoadGeneration
import RouterService
import Scheduling
import ServiceRuntime

extension FuzzTarget {
    /// A recording: in any pieces it is the same, or is refused at the same place, and what is accepted is written and read back.
    static let record = FuzzTarget(name: "record", longest: 4096) { bytes in
        guard let first = bytes.first else { return }
        let file = [UInt8](bytes.dropFirst())
        let whole = recorded(file, piece: max(file.count, 1)), cut = recorded(file, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the record is another")
        guard case .success(var record) = whole else { return }
        record.isCut = false
        demand(recorded(written(record), piece: 4096) == .success(record), "the record is not read back from what is written")
        for model in record.fleet.models.indices {
            let workload = record.workload(of: model, source: "fuzz")
            demand(workload.requests.count == record.requests(of: model).count, "a load without some of its requests")
            demand(workload.requests.allSatisfy { $0.outputTokens > 0 }, "a request that nobody can be asked for")
        }
        demand((record.busiestModel == nil) == record.fleet.models.isEmpty, "no model is the busiest of some")
    }

    private static func recorded(_ file: [UInt8], piece: Int) -> Result<Record, RecordFault> {
        do throws(RecordFault) {
            var reader = RecordReader()
            for start in stride(from: 0, to: file.count, by: piece) {
                let part = Array(file[start..<min(start + piece, file.count)])
                try reader.read(part.span.bytes)
            }
            return .success(try reader.finish())
        } catch { return .failure(error) }
    }

    private static func written(_ record: Record) -> [UInt8] {
        var writer = RecordWriter()
        writer.header(routers: record.fleet.routers)
        for (ordinal, model) in record.fleet.models.enumerated() { writer.model(ordinal, model) }
        for (ordinal, worker) in record.fleet.workers.enumerated() {
            writer.worker(ordinal, worker)
            if let left = worker.left { writer.left(ordinal, at: left) }
        }
        for request in record.requests { writer.request(request) }
        if let summary = record.summary { writer.end(summary) }
        return writer.take()
    }

    /// A recorded decision: it is made again and shown, or refused with a reason; and what is accepted is written and read back.
    static let decision = FuzzTarget(name: "decision", longest: 8192) { bytes in
        let contents = [UInt8](bytes)
        var table = OptionTable(ProcessDescription(name: "router", summary: "Looks back.", protocolVersion: "1.0"))
        let command = DecisionReplayCommand(in: &table)
        let files = FileReader { (_, _) throws(FileReadError) in contents }
        guard
            case .run(let resolved, _) = table.invocation(arguments: ["--replay-decision", "file"], environment: [:], files: files),
            let (code, output, complaint) = command.run(resolved, files: files)
        else { return demand(false, "a decision that was asked for is not made again") }
        demand(code == .usage ? !complaint.isEmpty : !output.isEmpty, "nothing is said of a decision")
        guard let json = try? JSONValue(parsing: contents), let record = try? DecisionRecord(json) else { return }
        var writer = JSONWriter()
        record.write(to: &writer, naming: .ids)
        guard let again = (try? JSONValue(parsing: writer.finish())).flatMap({ try? DecisionRecord($0) }) else {
            return demand(false, "a decision is not read back from what is written")
        }
        // Times are written in milliseconds, which rounds them.
        demand(
            again.legs == record.legs && again.draw == record.draw && again.shape == record.shape, "a decision changes when it is written")
        demand(DecisionReplay(of: again) == DecisionReplay(of: record), "a decision that was written is made in another way")
    }
}
