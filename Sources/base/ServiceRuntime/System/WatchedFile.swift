import Glibc

/// What tells one state of a file from another without reading it. Two states that are written within one tick of the file system's clock, with
/// one size and in one place, look alike; whoever replaces a file by renaming another over it never meets that.
package struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let bytes: Int64
    private let seconds: Int64
    private let nanoseconds: Int64
    /// Of what is known of the file: a change of who may read it moves this and nothing else.
    private let changeSeconds: Int64
    private let changeNanoseconds: Int64

    package init(
        device: UInt64 = 0, inode: UInt64 = 0, bytes: Int64 = 0, seconds: Int64 = 0, nanoseconds: Int64 = 0, changeSeconds: Int64 = 0,
        changeNanoseconds: Int64 = 0
    ) {
        self.device = device
        self.inode = inode
        self.bytes = bytes
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.changeSeconds = changeSeconds
        self.changeNanoseconds = changeNanoseconds
    }

    /// Nil where there is no such file, or none that this process may look at. Blocks.
    package static func of(_ path: String) -> FileStamp? {
        guard !path.utf8.contains(0) else { return nil }
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return FileStamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), bytes: Int64(status.st_size),
            seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int64(status.st_mtim.tv_nsec),
            changeSeconds: Int64(status.st_ctim.tv_sec), changeNanoseconds: Int64(status.st_ctim.tv_nsec))
    }
}

/// A file that is read again when it has changed. Passed in, so that a simulation can say what it holds. Both calls block: for a pool.
package struct WatchedFile: Sendable {
    package let path: String
    package let stamp: @Sendable () -> FileStamp?
    /// Reads the whole of it; one longer than the limit is an error.
    package let read: @Sendable (_ limit: Int) throws(FileReadError) -> [UInt8]

    package init(
        path: String, stamp: @escaping @Sendable () -> FileStamp?,
        read: @escaping @Sendable (_ limit: Int) throws(FileReadError) -> [UInt8]
    ) {
        self.path = path
        self.stamp = stamp
        self.read = read
    }

    /// A file of the file system.
    package init(_ path: String) {
        self.init(path: path, stamp: { FileStamp.of(path) }) { limit throws(FileReadError) in try FileReader.system.read(path, limit) }
    }
}
