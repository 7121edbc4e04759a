import ClusterModel
import Concurrency
import Engines
import ServiceRuntime

/// A file of weights. That it is there is known at once; what it means, when an engine of this process needs it: another program's reads it itself.
struct WeightsFile: Sendable {
    let path: String
    private let reader: FileReader
    private let known = Lock(ReferenceWeights?.none)

    /// In memory its numbers take up to four times as much.
    private static let mostBytes = 8 << 30

    init(_ path: String, _ reader: FileReader) throws(ValueProblem) {
        // Nothing is read: a file that is there is too long for that.
        do throws(FileReadError) { _ = try reader.read(path, 0) } catch {
            if error.isAbsent { throw ValueProblem(error.description, remedy: "give the path of a GGUF file") }
        }
        self.path = path
        self.reader = reader
    }

    /// Read once, however often it is asked for.
    func understood() throws(ValueProblem) -> ReferenceWeights {
        if let weights = known.with({ $0 }) { return weights }
        let weights = try ReferenceWeights(path, reader, atMost: Self.mostBytes)
        known.with { $0 = weights }
        return weights
    }
}

/// A model's weights, as the reference engine has understood them.
struct ReferenceWeights: Sendable {
    let model: LlamaModel
    /// Of the whole file: workers with the same one can read one another's KV state.
    let digest: String

    fileprivate init(_ path: String, _ reader: FileReader, atMost limit: Int) throws(ValueProblem) {
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try reader.read(path, limit) } catch {
            throw ValueProblem(error.description, remedy: "make the file readable to this process")
        }
        do throws(WeightsError) { model = try LlamaModel(try GGUFFile(parsing: bytes)) } catch {
            throw ValueProblem(
                "the weights cannot be used: \(error)", remedy: "give a GGUF file of the llama architecture, f32, f16 or q8_0")
        }
        digest = Self.digest(of: bytes, at: path)
    }

    /// Of gigabytes: that takes as long as reading them.
    private static func digest(of bytes: [UInt8], at path: String) -> String {
        var hash = SHA256()
        let line = bytes.count > digestPiece ? ProgressLine() : nil
        for start in stride(from: 0, to: bytes.count, by: digestPiece) {
            line?.show("digest of \(path)", start, of: bytes.count)
            hash.update(bytes.span.bytes.extracting(start..<min(start + digestPiece, bytes.count)))
        }
        return hash.finalize().description
    }

    private static let digestPiece = 16 << 20
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
