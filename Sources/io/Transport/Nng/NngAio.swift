internal import CNng

/// One asynchronous operation of nng at a time: starting a second one while one is in flight would abort the process.
///
/// The callback runs on a thread of nng's. The context is kept alive until `free`, which waits for a running callback and therefore
/// belongs on the janitor's thread.
final class NngAio: @unchecked Sendable {
    // Safety: nng locks its aio itself; `raw` never changes.
    let raw: OpaquePointer
    private let context: Unmanaged<AnyObject>

    init(_ context: AnyObject, _ callback: @convention(c) (UnsafeMutableRawPointer?) -> Void) {
        self.context = Unmanaged.passRetained(context)
        var aio: OpaquePointer?
        let status = nng_aio_alloc(&aio, callback, self.context.toOpaque())
        guard status == 0, let aio else { fatalError("out of memory for an nng aio") }
        raw = aio
    }

    var status: Int32 { nng_aio_result(raw) }

    /// Waits for the callback, if it runs, and gives everything back. Once, and never from the callback itself.
    func free() {
        nng_aio_stop(raw)
        nng_aio_free(raw)
        context.release()
    }
}
