import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("Router changes")
struct RouterChangeCursorTests {
    private func read(
        _ body: [UInt8], skip: Int = 0, kinds: RouterChangeCursor.Kinds = .all
    ) -> (changes: [RouterChange], error: WireError?) {
        var changes: [RouterChange] = []
        do throws(WireError) {
            var cursor = try RouterChangeCursor(body.span.bytes, skip: skip, kinds: kinds)
            while let change = try cursor.next() { changes.append(change) }
            return (changes, nil)
        } catch {
            return (changes, error)
        }
    }

    private func readByRecord(_ body: [UInt8]) -> (changes: [RouterChange], error: WireError?) {
        do throws(WireError) {
            return (try Codec.decodeBody(RouterState.self, from: body.span.bytes).changes, nil)
        } catch {
            return ([], error)
        }
    }

    @Test("cursor and record accept the same bytes with the same changes, and refuse the others with the same error", arguments: 0..<10)
    func sameRules(part: Int) {
        var mutator = Mutator(seed: UInt64(part)), refused = 0
        for round in 0..<1_000 {
            let seed = UInt64(part * 100 + round / 20)
            let body = MessageCatalog.body(RandomFiller.message(RouterState.self, seed: seed, seed % 5 == 0 ? .full : .random))
            let bytes = round % 20 == 0 ? body : mutator.mutate(body)
            let byCursor = read(bytes), byRecord = readByRecord(bytes)
            #expect(byCursor.error == byRecord.error, "part \(part), round \(round)")
            if byRecord.error == nil { #expect(byCursor.changes == byRecord.changes, "part \(part), round \(round)") }
            refused += byRecord.error == nil ? 0 : 1
        }
        #expect(refused > 100 && refused < 980)
    }

    @Test(
        "what is not followed, and what was applied before, is passed over; a damaged body is refused or given, and traps nobody",
        arguments: 0..<10)
    func kinds(part: Int) {
        var random = SeededRandom(seed: UInt64(part)), mutator = Mutator(seed: UInt64(part)), given = 0
        for round in 0..<200 {
            let body = MessageCatalog.body(RandomFiller.message(RouterState.self, seed: random.next(), .random))
            let tags = RouterChange.records.map(\.tag).filter { _ in random.next() % 2 == 0 }
            let all = readByRecord(body).changes, skip = Int(random.next() % 4)
            let wanted = all.dropFirst(skip).filter { tags.contains($0.tag) }
            let found = read(body, skip: skip, kinds: RouterChangeCursor.Kinds(tags: tags))
            #expect(found.error == nil && found.changes == Array(wanted), "part \(part), round \(round)")
            given += wanted.count
            _ = read(mutator.mutate(body), skip: skip, kinds: RouterChangeCursor.Kinds(tags: tags))
        }
        #expect(given > 50)
    }
}
