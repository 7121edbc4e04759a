import ClusterModel
import EventLoop
import TextProcessing
import Transport
import WireProtocol

/// Why a model cannot be served yet, or at all.
enum ModelFailure: Error, Hashable {
    /// No worker gave its files within the time.
    case notFetched(String)
    /// Its files are what its card says, and not what this frontend can read.
    case unreadable(String)
}

/// The files of one card, from one worker after another. Rules: `proto-spec/03-exchanges.md#model-files`.
struct ModelFetch: Sendable {
    private let card: ModelCard
    private let endpoint: LinkEndpoint

    /// A chunk is one question; a worker that does not answer in this time is given up for another one.
    private static let chunkLimit = Duration.seconds(5)

    init(_ card: ModelCard, endpoint: LinkEndpoint) {
        self.card = card
        self.endpoint = endpoint
    }

    /// What makes fetching useless.
    var problem: ModelFailure? {
        var left = UInt64(Limits.modelFileBytes)
        for file in card.files {
            guard ModelText.fileNames.contains(file.name) else { return .unreadable("a file whose name is not known here") }
            guard file.size <= left else { return .unreadable("its files are larger than a frontend holds") }
            left -= file.size
        }
        return nil
    }

    /// In the order of the card, not yet checked.
    @LoopActor
    func contents(from address: Address) async throws(ModelFailure) -> [[UInt8]] {
        let link: Link
        switch await endpoint.dial(address, kind: .recovery) {
        case .failure(let end): throw .notFetched(end.description)
        case .success(let opened): link = opened
        }
        defer { link.goodbye(.done) }
        var all: [[UInt8]] = []
        for file in card.files { all.append(try await contents(of: file, on: link)) }
        return all
    }

    @LoopActor
    private func contents(of file: ModelFile, on link: Link) async throws(ModelFailure) -> [UInt8] {
        // It grows as it comes: the size is a stranger's word.
        var contents: [UInt8] = []
        while contents.count < file.size {
            let question = FileQuestion(digest: file.digest, name: file.name, offset: UInt64(contents.count))
            let answer: FileAnswer
            do throws(LinkFailure) { answer = try await link.ask(question, answeredBy: FileAnswer.self, within: Self.chunkLimit) } catch {
                throw .notFetched("\(file.name): \(error)")
            }
            guard answer.digest == file.digest, answer.offset == contents.count, answer.totalBytes == file.size, !answer.data.isEmpty,
                contents.count + answer.data.count <= file.size
            else { throw .notFetched("\(file.name): the worker answered something else") }
            contents.append(contentsOf: answer.data)
        }
        return contents
    }

    /// Nothing is used before its digest is right.
    func build(_ contents: [[UInt8]]) -> Result<ModelText, ModelFailure> {
        var files: [String: [UInt8]] = [:]
        for (file, bytes) in zip(card.files, contents) {
            guard SHA256.digest(of: bytes) == file.digest else {
                return .failure(.notFetched("\(file.name): its bytes are not those of its digest"))
            }
            files[file.name] = bytes
        }
        do throws(TextError) {
            let text = try ModelText.make(files: files)
            text.warm()
            return .success(text)
        } catch { return .failure(.unreadable("\(error)")) }
    }
}
