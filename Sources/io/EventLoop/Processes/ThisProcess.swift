internal import CSys
import Glibc

/// What a process knows of itself, and asks of the kernel about its own end.
package enum ThisProcess {
    /// From now on it is killed when the thread that started it ends, however that comes about. A parent that is gone already is told by the
    /// end of what it sends.
    package static func endsWithParent() { apus_end_with_parent() }

    /// Where its program lies; nil where the system does not say.
    package static var folder: String? {
        let path = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { room in
            guard let start = room.baseAddress else { return String?.none }
            let count = readlink("/proc/self/exe", start, room.count)
            return count > 0 && count < room.count ? String(decoding: room[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
        }
        return path.flatMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } }
    }

    /// Whether it may start the program at that path.
    package static func mayRun(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    /// Its environment, each variable `NAME=value`.
    package static var environment: [String] {
        var variables: [String] = [], next = apus_environment()
        while let text = next?.pointee {
            variables.append(String(cString: text))
            next = next?.advanced(by: 1)
        }
        return variables
    }
}
