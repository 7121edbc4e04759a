import CSys

/// What a process does with large pieces of memory that come and go.
package enum LargeAllocations {
    /// The largest threshold that the allocator takes, and above every chunk of KV state.
    private static let reusedBytes: Int32 = 32 << 20
    /// Free memory at the end of the heap that goes back to the system only beyond this.
    private static let keptBytes: Int32 = 256 << 20

    /// From now on they are kept for the next one of their size. The system would clear each page of each anew, which takes a process that moves
    /// gigabytes a second a fifth of its time. Process-wide, so its main function decides; an allocator that does not know it is only slower.
    package static func reuse() { apus_keep_allocations(reusedBytes, keptBytes) }
}
