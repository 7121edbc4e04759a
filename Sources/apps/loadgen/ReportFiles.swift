import Glibc
import LoadGeneration
import ServiceRuntime

/// Where a report goes beside the terminal: the same two options for every command that has one.
struct ReportFiles: Sendable {
    private let json: OptionKey<String?>
    private let html: OptionKey<String?>

    init(_ table: inout OptionTable) {
        json = table.optional(
            "json", .path("FILE"),
            help:
                "Also writes the report as JSON, which can be merged and compared; - is standard output, and then the tables go to standard error."
        )
        html = table.optional("html", .path("FILE"), help: "Also writes the report as one page for a browser.")
    }

    /// Prints the report, and writes the files that were asked for.
    func deliver(_ report: LoadReport, _ resolved: ResolvedConfiguration) -> ExitCode {
        let isForPrograms = resolved[json] == "-"
        if isForPrograms {
            StandardStreams.complain(report.text())
            StandardStreams.output(String(decoding: report.json(), as: UTF8.self) + "\n")
        } else {
            StandardStreams.output(report.text())
        }
        var isWell = true
        if let path = resolved[json], !isForPrograms { isWell = OutputFile.write(report.json() + [UInt8(ascii: "\n")], to: path) }
        if let path = resolved[html] { isWell = OutputFile.write(Array(report.html.utf8), to: path) && isWell }
        return isWell ? .ok : .failure
    }
}

/// A file that is there as a whole or not at all: it gets its name when it is complete.
enum OutputFile {
    nonisolated static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let draft = "\(path).part"
        guard let file = fopen(draft, "we") else { return complain(path) }
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, isWritten, rename(draft, path) == 0 else {
            let isComplained = complain(path)
            unlink(draft)
            return isComplained
        }
        return true
    }

    private nonisolated static func complain(_ path: String) -> Bool {
        StandardStreams.complain("loadgen: \(path) cannot be written: \(String(cString: strerror(errno)))\n")
        return false
    }
}
