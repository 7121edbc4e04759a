internal import CSys
package import ClusterModel
import Glibc

/// One end of a pair of connected sockets in the hands of a thread without a loop: it waits in the call.
package final class BlockingStream {
    private let descriptor: Int32
    private var isOpen = true

    /// Takes over the descriptor.
    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    /// Two ends that are connected with one another.
    package static func pair() throws(SystemError) -> (BlockingStream, BlockingStream) {
        let ends = try SocketPair()
        return (BlockingStream(ends.first), BlockingStream(ends.second))
    }

    /// The time of every loop of this machine.
    package static var now: Instant { Instant(nanoseconds: apus_monotonic_nanoseconds()) }

    /// The number of bytes; 0 at the end of what the other side says; nil where nothing is there, and it does not wait.
    package func read(into room: UnsafeMutableRawBufferPointer, waits: Bool) throws(SystemError) -> Int? {
        guard isOpen else { throw SystemError("recv", code: EBADF) }
        let count = apus_receive_blocking(descriptor, room.baseAddress, room.count, waits ? 1 : 0)
        if count >= 0 { return Int(count) }
        if count == -Int64(EAGAIN), !waits { return nil }
        // Reset with bytes of ours unread is an end as well.
        if count == -Int64(ECONNRESET) { return 0 }
        throw SystemError("recv", code: Int32(-count))
    }

    /// Writes all of it, however long the other side takes, and empties `bytes`.
    package func write(_ bytes: inout [UInt8]) throws(SystemError) {
        guard isOpen else { throw SystemError("send", code: EBADF) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { apus_send(descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset) }
            guard count >= 0 else { throw SystemError("send", code: Int32(-count)) }
            offset += Int(count)
        }
        bytes.removeAll(keepingCapacity: true)
    }

    /// The other side reads what was written, and then the end.
    package func finishWriting() { if isOpen { _ = apus_finish_sending(descriptor) } }

    /// Waits for the moment, or for the other side to be gone.
    package func pause(until moment: Instant) {
        while isOpen, Self.now < moment, apus_wait_for_hangup(descriptor, moment.nanoseconds - Self.now.nanoseconds) == 0 {}
    }

    /// The descriptor, for somebody else to use and close: this object is closed from here on.
    package func take() -> Int32 {
        isOpen = false
        return descriptor
    }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        apus_close(descriptor, 0)
    }
}

extension SystemError {
    /// The other side does not read any more.
    package var isBrokenPipe: Bool { code == EPIPE || code == ECONNRESET }
}
