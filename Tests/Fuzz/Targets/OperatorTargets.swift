import ClusterModel
import EngineAdapters
import Engines
@testable import FrontendService
import LoadGeneration
@testable import ProcessKit
import ServiceRuntime
@testable import WorkerService

extension FuzzTarget {
    /// A tenants' file: every fault is told without what could be a key; of what is accepted, names and keys are there once.
    static let tenants = FuzzTarget(name: "tenants", longest: 4096) { bytes in
        do throws(TenantFileError) {
            let file = try TenantFile(parsing: [UInt8](bytes))
            demand(!file.tenants.isEmpty && file.tenants.count <= TenantLimits.tenants, "a number of tenants out of its bounds")
            demand(Set(file.keys.map(\.digest)).count == file.keys.count, "a key has two tenants")
            demand(file.keys.allSatisfy { file.tenants.indices.contains($0.tenant) }, "a key of no tenant")
            demand(Set(file.tenants.map(\.name)).count == file.tenants.count, "two tenants have one name")
            _ = try TenantBook(file, secret: [1, 2, 3], seed: 7)
        } catch {
            demand(!error.faults.isEmpty && error.faults.allSatisfy { !$0.problem.isEmpty }, "a refusal says nothing")
            demand(error.description.utf8.count < 16_384, "a refusal says too much")
        }
    }

    /// Files with which an operator tells a mock how fast it is and what it says: of whatever is accepted every time is a time, and every answer
    /// within its bounds.
    static let mockFiles = FuzzTarget(name: "mock-files", longest: 4096) { bytes in
        let contents = [UInt8](bytes)
        do throws(LatencyProfileError) {
            let profile = try LatencyProfile(parsing: contents)
            for count in [0, 1, 7.5, 4_096, 1e9] as [Double] {
                let prefill = profile.prefillMilliseconds(tokens: count)
                demand(prefill.isFinite && prefill >= 0, "prefill takes \(prefill) ms")
                let decode = profile.decodeMilliseconds(activeTokens: count, contextLength: 1e6 - count / 2)
                demand(decode.isFinite && decode >= 0, "decoding takes \(decode) ms")
            }
        } catch { demand(!"\(error)".isEmpty && "\(error)".utf8.count < 600, "a refusal says nothing, or too much") }
        do throws(ValueProblem) {
            let file = try MockAnswersFile("answers", contents)
            demand((1...MockAnswerLimits.answers).contains(file.answers.count), "a number of answers out of its bounds")
        } catch { demand("\(error)".utf8.count < 600, "a refusal says too much") }
    }

    /// A short text as operators write them, by the first byte a time, a size, an address and so on: what is accepted is read back from the one
    /// text that it is shown as.
    static let operatorText = FuzzTarget(name: "operator-text", longest: 200) { bytes in
        guard let kind = bytes.first, let text = String(validating: bytes.dropFirst(), as: UTF8.self) else { return }
        switch kind % 8 {
        case 0: readBack(text, { try DurationText.parse($0) }, DurationText.text)
        case 1: readBack(text, { try ByteSizeText.parse($0) }, ByteSizeText.text)
        case 2: readBack(text, { try LengthDistribution(parsing: $0) }, \.text)
        case 3: readBack(text, { try LoadTarget(parsing: $0) }, \.text)
        case 4: readBack(text, { try ZMTPEndpoint(parsing: $0) }, \.description)
        case 5: readBack(text, { try ServerAddress($0) }, \.description)
        case 6: readBack(text, { try OTLPEndpoint($0) }, { "http://\($0.host):\($0.port)\($0.target.dropLast("/v1/traces".count))" })
        default:
            for id in [RequestID(text: text)?.description, WorkerID(text: text)?.description] where id != nil {
                demand(id == text.lowercased(), "an id is written as \(id ?? "")")
            }
            let told = OTLPDocument.rejected(in: Array(text.utf8))
            demand(told.count >= 0, "a collector took more than it got")
        }
    }

    private static func readBack<Value: Equatable>(_ text: String, _ read: (String) throws -> Value, _ show: (Value) -> String) {
        let value: Value
        do { value = try read(text) } catch {
            demand(!"\(error)".isEmpty && "\(error)".utf8.count < 1_200, "a refusal says nothing, or too much")
            return
        }
        let shown = show(value)
        demand((try? read(shown)) == value, "'\(text)' is shown as '\(shown)', which is something else")
    }

    /// A command line, its words and those of the environment apart by zero bytes: every mistake is told, and what stands is within its bounds.
    static let options = FuzzTarget(name: "options", longest: 1024) { bytes in
        guard let count = bytes.first else { return }
        let words = bytes.dropFirst().split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        var table = OptionTable(ProcessDescription(name: "fuzz", summary: "Reads a line.", protocolVersion: "1.0"))
        let entries = table.option("queue-entries", .integer(1...100), default: 50, help: "Waiting requests.")
        let time = table.option("queue-time", .duration(.milliseconds(1) ... .seconds(60)), default: .seconds(60), help: "How long.")
        let routers = table.list("router", .address(.peer), count: 0...3, help: "Routers to dial.")
        let weight = table.option("overlap-weight", .number(0...100), default: 1, help: "A cached block's worth.")
        let folder = table.optional("folder", .path("DIR"), help: "Where it is.")
        let trace = table.flag("trace", help: "Writes each decision.")
        var environment: [String: String] = [:]
        for word in words.dropFirst(Int(count % 8)) {
            let halves = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if halves.count == 2 { environment[halves[0]] = halves[1] }
        }
        let files = FileReader { (_, _) throws(FileReadError) in Array(#"{"queue-entries": 7}"#.utf8) }
        switch table.invocation(arguments: Array(words.prefix(Int(count % 8))), environment: environment, files: files) {
        case .exit(let code, let output, let diagnostics):
            demand(code == .ok ? !output.isEmpty : !diagnostics.isEmpty, "the line is refused without a reason")
        case .run(let configuration, _):
            demand((1...100).contains(configuration[entries]), "a number is out of its bounds")
            demand((.milliseconds(1) ... .seconds(60)).contains(configuration[time]), "a duration is out of its bounds")
            demand(configuration[routers].count <= 3, "a list is longer than allowed")
            demand((0...100).contains(configuration[weight]), "a weight is out of its bounds")
            _ = (configuration[folder], configuration[trace])
        }
    }
}
