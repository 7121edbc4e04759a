/// What a worker says of one leg, as far as it is known. Durations are of its own clock.
package struct WorkerSlice: Hashable, Sendable {
    /// From received to started.
    package var waited: Duration?
    /// From started to the end of prefill.
    package var prefill: Duration?
    /// First chunk sent to the final ack.
    package var transfer: Duration?
    /// The part of it that nothing else hid: end of prefill to the final ack.
    package var exposedTransfer: Duration?
    /// First token to the last.
    package var decode: Duration?

    package init(
        waited: Duration? = nil, prefill: Duration? = nil, transfer: Duration? = nil, exposedTransfer: Duration? = nil,
        decode: Duration? = nil
    ) {
        self.waited = waited
        self.prefill = prefill
        self.transfer = transfer
        self.exposedTransfer = exposedTransfer
        self.decode = decode
    }

    /// What is known here stays; the rest is taken from `later`.
    mutating func fill(from later: WorkerSlice) {
        waited = waited ?? later.waited
        prefill = prefill ?? later.prefill
        transfer = transfer ?? later.transfer
        exposedTransfer = exposedTransfer ?? later.exposedTransfer
        decode = decode ?? later.decode
    }
}
