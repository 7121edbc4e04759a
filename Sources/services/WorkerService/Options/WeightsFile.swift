import ClusterModel
import Engines
import ServiceRuntime

/// A model's weights, read and understood before the process runs.
struct WeightsFile: Sendable {
    let path: String
    let model: LlamaModel
    /// Of the whole file: workers with the same one can read one another's KV state.
    let digest: String

    /// In memory its numbers take up to four times as much.
    private static let mostBytes = 8 << 30

    init(_ path: String, _ reader: FileReader) throws(ValueProblem) {
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try reader.read(path, Self.mostBytes) } catch {
            throw ValueProblem(error.description, remedy: "make the file readable to this process")
        }
        do throws(WeightsError) { model = try LlamaModel(try GGUFFile(parsing: bytes)) } catch {
            throw ValueProblem(
                "the weights cannot be used: \(error)", remedy: "give a GGUF file of the llama architecture, f32, f16 or q8_0")
        }
        self.path = path
        digest = SHA256.digest(of: bytes).description
    }
}

extension ValueSyntax<WeightsFile> {
    static var weightsFile: ValueSyntax<WeightsFile> {
        ValueSyntax(placeholder: "FILE") { raw, reader throws(ValueProblem) in
            guard case .text(let path) = raw, !path.isEmpty else {
                throw ValueProblem("it is no path", remedy: "write the path of a GGUF file")
            }
            return try WeightsFile(path, reader)
        } show: {
            .text($0.path)
        }
    }
}
