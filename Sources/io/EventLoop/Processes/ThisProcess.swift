internal import CSys

/// What a process can ask of the kernel about its own end.
package enum ThisProcess {
    /// From now on it is killed when the thread that started it ends, however that comes about. A parent that is gone already is told by the
    /// end of what it sends.
    package static func endsWithParent() { apus_end_with_parent() }
}
