import EventLoop
import Transport

/// A scripted process of a test, and the way into it: `worker { $0.jobs.count }` runs on its loop.
struct Remote<Part: AnyObject & Sendable> {
    let loop: VirtualLoop
    let host: SimulatedHost
    private let part: Part

    init(_ host: SimulatedHost, on loop: VirtualLoop, _ make: @LoopActor () -> Part) {
        self.loop = loop
        self.host = host
        part = loop.perform(make)
    }

    @discardableResult
    func on<Result>(_ body: @LoopActor (Part) -> Result) -> Result { loop.perform { body(part) } }

    @discardableResult
    func callAsFunction<Result>(_ body: @LoopActor (Part) -> Result) -> Result { on(body) }
}

/// What a script notes for its test.
final class Box<Value>: @unchecked Sendable {
    // Safety: used on the one thread that runs the test's world.
    var value: Value
    init(_ value: Value) { self.value = value }
}
