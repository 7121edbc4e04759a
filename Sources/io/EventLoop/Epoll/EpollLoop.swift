internal import CSys
package import ClusterModel
import Glibc

/// What a descriptor is ready for, or waited for.
package struct FileEvents: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// As the standard library has it, which other modules would call by way of a protocol, several times an event.
    package func contains(_ member: FileEvents) -> Bool { rawValue & member.rawValue == member.rawValue }

    package static let readable = FileEvents(rawValue: UInt32(APUS_READABLE))
    package static let writable = FileEvents(rawValue: UInt32(APUS_WRITABLE))
    /// The peer closed its side, or the descriptor is in error. Always told, never asked for.
    package static let hangup = FileEvents(rawValue: UInt32(APUS_HANGUP))
    /// Told with `hangup` when nothing can be sent any more either.
    package static let broken = FileEvents(rawValue: UInt32(APUS_BROKEN))
    /// In an interest: the owner knows that the peer closed its side, and goes on sending.
    package static let hangupKnown = FileEvents(rawValue: UInt32(APUS_HANGUP_KNOWN))
}

package protocol FileEventHandler: AnyObject, Sendable {
    @LoopActor func ready(_ events: FileEvents)
}

/// A failed system call, by name.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    package init(_ call: StaticString, code: Int32) {
        self.call = call.description
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// The loop on real time: epoll, an eventfd for the inbox, the monotonic clock.
package final class EpollLoop: Loop, @unchecked Sendable {
    // Safety: as `Loop`: only the owning thread touches its state.

    /// One watched descriptor; the generation keeps an event of a closed descriptor from reaching its successor.
    private struct Watch {
        var handler: (any FileEventHandler)?
        var generation: UInt32 = 0
    }

    private let epoll: Int32
    private let wakeDescriptor: Int32
    private var watches: [Watch] = []
    private let events: UnsafeMutablePointer<apus_event>
    private static let eventCapacity = 256
    private static let wakeToken = UInt64.max

    package init(name: String = "loop", marks: InboxMarks = .standard) throws(SystemError) {
        let epoll = apus_epoll_create()
        guard epoll >= 0 else { throw SystemError("epoll_create1", code: -epoll) }
        let wake = apus_eventfd_create()
        guard wake >= 0 else {
            close(epoll)
            throw SystemError("eventfd", code: -wake)
        }
        let status = apus_epoll_add(epoll, wake, UInt32(APUS_READABLE), Self.wakeToken)
        guard status == 0 else {
            close(epoll)
            close(wake)
            throw SystemError("epoll_ctl", code: -status)
        }
        self.epoll = epoll
        wakeDescriptor = wake
        events = .allocate(capacity: Self.eventCapacity)
        var seed: UInt64 = 0
        let random = apus_random_bytes(&seed, MemoryLayout<UInt64>.size)
        precondition(random == 0, "the kernel's random generator does not fail once it is up")
        super.init(
            name: name, start: Instant(nanoseconds: apus_monotonic_nanoseconds()), seed: seed, marks: marks,
            wake: { apus_eventfd_signal(wake) })
    }

    deinit {
        close(epoll)
        close(wakeDescriptor)
        events.deallocate()
    }

    @LoopActor package override var preciseNow: Instant { Instant(nanoseconds: apus_monotonic_nanoseconds()) }
    package override var clockReading: Instant { Instant(nanoseconds: apus_monotonic_nanoseconds()) }
    package override var wallClockNanoseconds: Int64 { apus_wall_nanoseconds() }

    @LoopActor package override func secureRandomBytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let status = apus_random_bytes(buffer.baseAddress, count)
            precondition(status == 0, "the kernel's random generator does not fail once it is up")
            filled = count
        }
    }

    @LoopActor package override func makeAlarm(_ action: @escaping @LoopActor () -> Void) throws(SystemError) -> Alarm {
        try EpollAlarm(on: self, action)
    }

    // MARK: Files

    /// Calls `handler.ready` when the descriptor is. The caller keeps the descriptor and must call `unwatch` before closing it.
    @LoopActor package func watch(_ descriptor: Int32, for interest: FileEvents, _ handler: any FileEventHandler) throws(SystemError) {
        let index = Int(descriptor)
        while watches.count <= index { watches.append(Watch()) }
        precondition(watches[index].handler == nil, "a descriptor is watched once")
        watches[index].generation &+= 1
        let status = apus_epoll_add(epoll, descriptor, interest.rawValue, token(descriptor))
        guard status == 0 else { throw SystemError("epoll_ctl", code: -status) }
        watches[index].handler = handler
    }

    @LoopActor package func change(_ descriptor: Int32, to interest: FileEvents) {
        let status = apus_epoll_change(epoll, descriptor, interest.rawValue, token(descriptor))
        precondition(status == 0, "only a watched descriptor is changed")
    }

    @LoopActor package func unwatch(_ descriptor: Int32) {
        let index = Int(descriptor)
        guard index < watches.count, watches[index].handler != nil else { return }
        watches[index].handler = nil
        watches[index].generation &+= 1
        _ = apus_epoll_remove(epoll, descriptor)
    }

    private func token(_ descriptor: Int32) -> UInt64 {
        UInt64(watches[Int(descriptor)].generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    }

    // MARK: Running

    /// Turns until `stop()`. The calling thread owns the loop meanwhile.
    package func run() {
        precondition(Loop.current == nil, "a thread runs one loop at a time")
        apus_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        defer { apus_set_current_loop(nil) }
        currentInstant = Instant(nanoseconds: apus_monotonic_nanoseconds())
        while !isStopped { turn() }
        // A last round, so that tasks that were resumed by the same turn end, and what they wrote leaves.
        finishTurn()
    }

    private func turn() {
        let before = apus_monotonic_nanoseconds()
        let timeout = waitNanoseconds(from: before)
        let count = apus_epoll_wait(epoll, events, Int32(Self.eventCapacity), timeout < 0 ? -1 : timeout / 1_000)
        let after = apus_monotonic_nanoseconds()
        // Measured from the end of the last turn's clock reading, so that a stop inside a turn counts as well.
        let idle = after - currentInstant.nanoseconds - max(timeout, 0)
        currentInstant = Instant(nanoseconds: after)
        for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
        if wantsPulse, idle > Self.pauseThreshold.inNanoseconds { tellOfPause(.nanoseconds(idle)) }
        finishTurn()
    }

    private func waitNanoseconds(from now: Int64) -> Int64 {
        if hasWork { return 0 }
        var wait: Int64 = -1
        if let deadline = nextDeadline { wait = max(0, deadline.nanoseconds - now) }
        if wantsPulse { wait = wait < 0 ? Self.pulse.inNanoseconds : min(wait, Self.pulse.inNanoseconds) }
        return wait
    }

    private func dispatch(_ event: apus_event) {
        guard event.token != Self.wakeToken else { return apus_eventfd_clear(wakeDescriptor) }
        let index = Int(UInt32(truncatingIfNeeded: event.token))
        guard index < watches.count, watches[index].generation == UInt32(event.token >> 32), let handler = watches[index].handler else {
            return  // closed earlier in this turn
        }
        OnLoop.ready((handler, FileEvents(rawValue: event.events)))
    }

    // MARK: Work elsewhere

    @LoopActor package override func offload<Result: Sendable>(
        to pool: WorkPool, virtualCost: Duration, _ work: @escaping @Sendable () -> Result
    ) async throws(WorkPool.Full) -> Result {
        let errand = Errand<Result>()
        try pool.submit { [inbox] in
            errand.result = work()
            _ = inbox.put(InboxItem(errand, event: 0))
        }
        await withUnsafeContinuation { errand.waiter = $0 }
        guard let result = errand.result else { preconditionFailure("the pool resumes an errand after its work") }
        return result
    }

    /// The way back from the pool: the result crosses with the inbox item, which orders the two threads.
    private final class Errand<Result>: InboxReceiver, @unchecked Sendable {
        // Safety: written by the pool's thread before the item is put, read by the loop after it was taken.
        var result: Result?
        // Safety: touched on the loop only.
        var waiter: UnsafeContinuation<Void, Never>?

        @LoopActor func receive(_ item: InboxItem) {
            waiter?.resume()
            waiter = nil
        }
    }
}
