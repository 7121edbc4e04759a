import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("Token batches")
struct TokenBatchTests {
    /// Frames until the end or the first error, in the cursor's words.
    private func readByCursor(_ body: [UInt8]) -> (frames: [TokenFrame], error: WireError?) {
        var frames: [TokenFrame] = []
        do throws(WireError) {
            var cursor = try TokenBatchCursor(body.span.bytes)
            while let view = try cursor.next() {
                var frame = TokenFrame()
                frame.counter = view.counter
                frame.firstPosition = view.firstPosition
                frame.choice = view.choice
                frame.attempt = view.attempt
                frame.leg = view.leg
                frame.finish = view.finish
                view.appendTokens(to: &frame.tokens)
                for index in 0..<view.tokenCount where view.token(at: index) != frame.tokens[index] { Issue.record("token \(index)") }
                frame.logprobs = view.logprobs()
                frames.append(frame)
            }
            return (frames, nil)
        } catch {
            return (frames, error)
        }
    }

    private func readByRecord(_ body: [UInt8]) -> (frames: [TokenFrame], error: WireError?) {
        do throws(WireError) {
            var frames = try Codec.decodeBody(TokenBatch.self, from: body.span.bytes).frames
            // The cursor passes over what a later minor adds.
            for index in frames.indices { frames[index].addition = nil }
            return (frames, nil)
        } catch {
            return ([], error)
        }
    }

    @Test("cursor and record accept the same bytes with the same frames, and refuse the others with the same error", arguments: 0..<20)
    func sameRules(part: Int) {
        var mutator = Mutator(seed: UInt64(part)), refused = 0
        for round in 0..<2_500 {
            let seed = UInt64(part * 100 + round / 25)
            let body = MessageCatalog.body(RandomFiller.message(TokenBatch.self, seed: seed, seed % 3 == 0 ? .full : .random))
            let bytes = round % 25 == 0 ? body : mutator.mutate(body)
            let byCursor = readByCursor(bytes), byRecord = readByRecord(bytes)
            #expect(byCursor.error == byRecord.error, "part \(part), round \(round)")
            if byRecord.error == nil { #expect(byCursor.frames == byRecord.frames, "part \(part), round \(round)") }
            refused += byRecord.error == nil ? 0 : 1
        }
        #expect(refused > 250 && refused < 2_400)
    }

    @Test("the writer gives the bytes that the record gives", arguments: 0..<200)
    func sameBytes(seed: UInt64) {
        var batch = RandomFiller.message(TokenBatch.self, seed: seed), writer = TokenBatchWriter()
        writer.begin(origin: 99, number: 1)  // what was begun before is dropped
        writer.append(counter: 1, attempt: 1, position: 0, token: 1)
        writer.begin(origin: 5, number: seed)
        for index in batch.frames.indices {
            batch.frames[index].addition = nil
            let frame = batch.frames[index]
            if frame.tokens.count == 1, frame.logprobs == nil {
                writer.append(
                    counter: frame.counter, attempt: frame.attempt, choice: frame.choice, leg: frame.leg, position: frame.firstPosition,
                    token: frame.tokens[0], finish: frame.finish)
            } else {
                writer.append(
                    counter: frame.counter, attempt: frame.attempt, choice: frame.choice, leg: frame.leg,
                    firstPosition: frame.firstPosition, tokens: frame.tokens, finish: frame.finish, logprobs: frame.logprobs)
            }
        }
        writer.finish()
        var expected: [UInt8] = []
        Codec.append(batch, origin: 5, number: seed, to: &expected)
        #expect(bytes(of: writer) == expected)
        #expect(writer.isEmpty == batch.frames.isEmpty && writer.frameCount == batch.frames.count)
    }

    private func bytes(of writer: borrowing TokenBatchWriter) -> [UInt8] { writer.message.withUnsafeBytes { [UInt8]($0) } }

    @Test("a frame of one token is 21 bytes, in this order")
    func layout() {
        var writer = TokenBatchWriter()
        writer.begin(origin: 0, number: 0)
        writer.append(counter: 0x0807_0605_0403_0201, attempt: 2, choice: 3, leg: .decode, position: 0x0D0C_0B0A, token: 0x1413_1211)
        writer.finish()
        #expect(
            bytes(of: writer).dropFirst(MessageHeader.byteCount) == [
                1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 0x0B, 0x0C, 0x0D, 3, 2, 2, 1, 0, 0x11, 0x12, 0x13, 0x14,
            ])
    }

    @Test("the cursor's own limit of frames is that of the table")
    func limit() {
        for count in [Limits.framesPerBatch, Limits.framesPerBatch + 1] {
            let frame = [UInt8](repeating: 0, count: TokenFrame.headBytes)
            let body = [UInt8(count & 255), UInt8(count >> 8), 0, 0] + [UInt8](repeatElement(frame, count: count).joined())
            #expect(readByCursor(body).error == (count > Limits.framesPerBatch ? WireError(.countOverLimit, "frames") : nil))
            #expect(readByRecord(body).error == readByCursor(body).error)
        }
    }

    @Test("a batch says that it is full at its limit of frames")
    func full() throws {
        var writer = TokenBatchWriter()
        writer.begin(origin: 1, number: 1)
        while !writer.isFull { writer.append(counter: UInt64(writer.frameCount), attempt: 1, position: 0, token: 7) }
        writer.finish()
        #expect(writer.frameCount == Limits.framesPerBatch)
        #expect(try Codec.decode(TokenBatch.self, from: writer.message).frames.count == Limits.framesPerBatch)
    }
}
