import EventLoop
import Testing
import WireProtocol

@testable import Transport

extension Contract {
    /// Feeds of ours with nng's own sockets at the other end, and with strangers.
    @Suite("Feeds and nng")
    struct ForeignFeedTests {
        /// What came, each message whole.
        @LoopActor
        private final class Heard {
            private(set) var messages: [[UInt8]] = []
            var socket: (any SubscribingSocket)?
            func hear(_ bytes: UnsafeRawBufferPointer) { messages.append(Array(bytes)) }
        }

        enum Side: CaseIterable { case publisher, subscriber, neither }

        /// Sizes from nothing to the most that a feed may have.
        private static func message(_ number: Int) -> [UInt8] {
            let sizes = [0, 1, 7, 300, 5_000, Limits.feedMessageBytes]
            return [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: sizes[number % sizes.count])
        }

        @Test(
            "whichever side is nng's, every message comes whole and in order, and a publisher that restarts is found",
            arguments: Side.allCases)
        func interoperation(_ foreign: Side) async throws {
            let harness = try await NngHarness()
            try await run(harness, foreign)
            await harness.close()
        }

        private func run(_ harness: NngHarness, _ foreign: Side) async throws {
            let a = harness.a, b = harness.b
            var place = harness.addressOfB
            let heard = try await a.run { Heard() }
            for life in 1...2 {
                let address = place
                let publisher = try await open(on: address, b, isForeign: foreign == .publisher)
                place = try await b.run { publisher.address }
                if life == 1 {
                    let address = place
                    try await a.run { heard.socket = try Self.subscriber(to: address, a, isForeign: foreign == .subscriber, heard) }
                }
                let before = try await a.run { heard.messages.count }
                try await reach(heard, from: publisher, b, a)
                try await b.run { for number in 0..<60 { publisher.publish(Self.message(number)) } }
                try await a.until("sixty messages of life \(life)") { heard.messages.last == Self.message(59) }
                try await a.run {
                    let told = heard.messages[before...].filter { $0 != Self.probe }
                    #expect(told == (0..<60).map(Self.message))
                }
                try await b.run { publisher.close() }
            }
            try await a.run { heard.socket?.close() }
        }

        /// nng lets go of a port some time after its socket was closed.
        private func open(on address: Address, _ process: any TestProcess, isForeign: Bool) async throws -> any PublishingSocket {
            for _ in 0..<1_000 {
                do { return try await process.run { try Self.publisher(on: address, process, isForeign: isForeign) } } catch let error
                    as TransportError
                    where error.code == .addressInUse
                {
                    try await process.run { await process.loop.sleep(for: .milliseconds(5)) }
                }
            }
            throw TimedOut("the port of the publisher before")
        }

        private static let probe: [UInt8] = Array("is anybody there".utf8)

        /// Until the subscriber is there, what is published is lost.
        private func reach(
            _ heard: Heard, from publisher: any PublishingSocket, _ b: any TestProcess, _ a: any TestProcess
        ) async throws {
            let before = try await a.run { heard.messages.count }
            for _ in 0..<1_000 {
                try await b.run {
                    publisher.publish(Self.probe)
                    await b.loop.sleep(for: .milliseconds(5))
                }
                if try await a.run({ heard.messages.count > before }) { return }
            }
            throw TimedOut("the subscriber")
        }

        @LoopActor
        private static func publisher(on address: Address, _ process: any TestProcess, isForeign: Bool) throws -> any PublishingSocket {
            guard isForeign, let network = process.network as? NngNetwork else { return try process.network.publisher(on: address) }
            return try NngPublisher(on: address, network: network, tls: nil)
        }

        @LoopActor
        private static func subscriber(
            to address: Address, _ process: any TestProcess, isForeign: Bool, _ heard: Heard
        ) throws -> any SubscribingSocket {
            guard isForeign, let network = process.network as? NngNetwork else {
                return try process.network.subscriber(to: address) { heard.hear($0) }
            }
            return try NngSubscriber(to: address, network: network, tls: nil) { heard.hear($0) }
        }

        @Test("a slow subscriber loses the oldest that wait, and no other loses anything")
        func slow() async throws {
            let harness = try await NngHarness()
            let a = harness.a, b = harness.b, place = harness.addressOfB
            let publisher = try await b.run { try b.network.publisher(on: place) }
            let address = try await b.run { publisher.address }
            // Greets as a subscriber, and does not read yet.
            let sleeper = try await RawPeer.dial(address, from: a, reading: false)
            try await a.run { sleeper.send(SPFraming.greeting(of: .subscriber)) }
            let heard = try await a.run { Heard() }
            try await a.run { heard.socket = try a.network.subscriber(to: address) { heard.hear($0) } }
            try await reach(heard, from: publisher, b, a)
            let sent = 1_000, first = try await a.run { heard.messages.count }
            for number in 0..<sent {
                try await b.run { publisher.publish(Self.numbered(number)) }
                // It keeps up, by waiting for each.
                try await a.until("message \(number)") { heard.messages.last == Self.numbered(number) }
            }
            #expect(try await a.run { heard.messages[first...].filter { $0 != Self.probe } } == (0..<sent).map(Self.numbered))
            try await a.run { sleeper.stream.setReading(true) }
            let size = Self.numbered(0).count + SPFraming.lengthBytes
            try await a.until("the last one") { sleeper.bytes.suffix(size) == RawPeer.frame(Self.numbered(sent - 1))[...] }
            let numbers = try await a.run { Self.numbers(in: sleeper.bytes) }
            #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
            #expect(numbers.suffix(TransportLimits.feedBuffer) == Array(sent - TransportLimits.feedBuffer..<sent)[...])
            #expect(numbers.count < sent, "64 MB do not fit what the kernel holds")
            await harness.close()
        }

        /// As long as a feed allows, with its number in front.
        nonisolated private static func numbered(_ number: Int) -> [UInt8] {
            [UInt8(number >> 8), UInt8(number & 0xFF)] + [UInt8](repeating: 7, count: Limits.feedMessageBytes - 2)
        }

        /// Of the whole messages behind the greeting; probes are none.
        private static func numbers(in bytes: [UInt8]) -> [Int] {
            var numbers: [Int] = [], place = SPFraming.lengthBytes
            while place + SPFraming.lengthBytes <= bytes.count {
                let length = bytes[place..<place + SPFraming.lengthBytes].reduce(0) { $0 << 8 | Int($1) }
                let start = place + SPFraming.lengthBytes
                if length == Limits.feedMessageBytes, start + 2 <= bytes.count {
                    numbers.append(Int(bytes[start]) << 8 | Int(bytes[start + 1]))
                }
                place = start + length
            }
            return numbers
        }

        @Test("who greets as something else, talks to a publisher or says nothing is let go, and hears nothing")
        func strangers() async throws {
            let harness = try await NngHarness()
            let a = harness.a, b = harness.b, place = harness.addressOfB
            let publisher = try await b.run { try b.network.publisher(on: place) }
            let address = try await b.run { publisher.address }
            let greeting = SPFraming.greeting(of: .subscriber)
            let said = [
                SPFraming.greeting, SPFraming.greeting(of: .publisher), Array("GET / HTTP/1.1\r\n".utf8), [], greeting + RawPeer.frame([1]),
            ]
            for words in said {
                let peer = try await RawPeer.dial(address, from: a)
                if !words.isEmpty { try await a.run { peer.send(words) } }
                try await a.until("it is let go: \(words)") { peer.closed.count == 1 }
                #expect(try await a.run { peer.bytes } == SPFraming.greeting(of: .publisher))
            }
            await harness.close()
        }
    }
}
