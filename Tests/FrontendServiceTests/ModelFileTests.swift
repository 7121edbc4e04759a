import ClusterModel
import EventLoop
import Testing
import TextProcessing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Model files come from workers, and are believed by their digests only")
struct ModelFileTests {
    private func scene(workers: Int = 2, card: ModelCard = Scene.card(), _ file: @escaping @LoopActor (FileAnswer) -> FileAnswer?) -> Scene
    {
        let scene = Scene(workers: workers, isReady: false, card: card)
        scene.worker { $0.file = file }
        return scene
    }

    private func isServed(_ scene: Scene, within limit: Duration = .seconds(3)) -> Bool {
        scene.run(limit) { scene.service { $0.isServing } }
    }

    private func questions(_ scene: Scene) -> [Int] { scene.workers.map { worker in worker { $0.fileQuestions.count } } }

    @Test("bytes that are not those of the digest are asked of another worker")
    func wrongDigest() {
        let scene = scene { answer in
            var answer = answer
            answer.data[0] ^= 1
            return answer
        }
        #expect(isServed(scene))
        #expect(questions(scene) == [1, 1])
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
    }

    @Test("answers to another question are asked of another worker", arguments: 0...4)
    func strangeAnswers(which: Int) {
        let scene = scene { answer in
            var answer = answer
            switch which {
            case 0: answer.data = []
            case 1: answer.totalBytes += 1
            case 2: answer.offset += 1
            case 3: answer.data += [1]
            default: answer.digest = Digest()
            }
            return answer
        }
        #expect(isServed(scene))
        #expect(questions(scene) == [1, 1])
    }

    @Test("a worker that does not answer is given up after its time, and another one asked")
    func silent() {
        let scene = scene { _ in nil }
        #expect(!isServed(scene, within: .seconds(4)))
        #expect(isServed(scene, within: .seconds(3)))
    }

    @Test("a worker that dies in between is replaced by another one", arguments: [1, 2, 3] as [UInt64])
    func dies(seed: UInt64) {
        let scene = Scene(seed: seed, isReady: false)
        scene.worker { $0.file = { _ in nil } }
        scene.run { scene.worker { !$0.fileQuestions.isEmpty } }
        scene.worker.host.kill(.reset)
        #expect(isServed(scene))
    }

    @Test("when no worker gives them they are asked for again, less and less often, and the model is served as soon as one does")
    func retried() {
        let scene = Scene(workers: 1, isReady: false)
        scene.worker { worker in
            worker.file = { answer in
                var answer = answer
                answer.data[0] ^= 1
                return answer
            }
        }
        scene.pass(.seconds(3))
        #expect(!scene.service { $0.isServing })
        let client = scene.chat()
        scene.pass(.seconds(2))
        #expect(!client.isEnded)
        scene.worker { $0.file = nil }
        #expect(isServed(scene, within: .seconds(10)))
        scene.finish(client)
        client { #expect($0.text() == "hello") }

        let never = Scene(workers: 1, isReady: false)
        never.worker { $0.file = { FileAnswer(digest: $0.digest, offset: 0, totalBytes: 1, data: [1]) } }
        never.pass(.seconds(120))
        #expect((5...30).contains(questions(never)[0]))
        let refused = never.finish(never.chat(), within: .seconds(11))
        refused { #expect($0.status == 503) }
    }

    @Test("files that this frontend cannot read are not asked for again and again, and its requests end as our fault")
    func unreadable() {
        let name = ByteModelFile.name, bytes = Array("{}".utf8)
        let card = Scene.card { $0.files = [ModelFile(name: name, digest: SHA256.digest(of: bytes), size: 2)] }
        let scene = scene(card: card) { FileAnswer(digest: $0.digest, offset: 0, totalBytes: 2, data: bytes) }
        scene.workers[1].on { $0.file = { FileAnswer(digest: $0.digest, offset: 0, totalBytes: 2, data: bytes) } }
        scene.pass(.seconds(60))
        #expect(questions(scene) == [1, 0])
        let client = scene.finish(scene.chat())
        client { #expect($0.status == 500) }
        #expect(!scene.service { $0.isServing })
    }

    @Test("files of names that nobody here reads, or of sizes that nobody holds, are not fetched at all", arguments: [true, false])
    func unknownFiles(isLarge: Bool) {
        let card = Scene.card {
            if isLarge { $0.files[0].size = UInt64(Limits.modelFileBytes) + 1 } else { $0.files[0].name = "weights.bin" }
        }
        let scene = scene(card: card) { $0 }
        scene.pass(.seconds(10))
        #expect(questions(scene) == [0, 0])
        #expect(!scene.service { $0.isServing })
    }

    @Test("a model that is gone for good is forgotten, and fetched anew when it comes back")
    func comesBack() {
        let scene = Scene(workers: 1)
        #expect(questions(scene) == [1])
        let card = scene.card
        scene.router { $0.tell([.modelPoolGone(ModelPoolGone(model: "tiny", digest: card.digest))]) }
        scene.pass(.seconds(1))
        #expect(!scene.service { $0.isServing })
        scene.pass(.seconds(120))
        let early = scene.finish(scene.chat())
        early { #expect($0.status == 503) }
        scene.router { $0.tell([.modelPool(ModelPool(card: card, workers: 1, readyWorkers: 1, current: true))]) }
        #expect(isServed(scene))
        #expect(questions(scene) == [2])
    }
}
