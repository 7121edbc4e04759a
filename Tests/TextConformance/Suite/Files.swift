import Glibc

/// Files as bytes.
enum Files {
    static func bytes(_ path: String) throws(CheckError) -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw CheckError(reason: "\(path) cannot be opened") }
        defer { fclose(file) }
        guard fseek(file, 0, SEEK_END) == 0, case let size = ftell(file), size >= 0, fseek(file, 0, SEEK_SET) == 0 else {
            throw CheckError(reason: "\(path) cannot be read")
        }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in count = fread(buffer.baseAddress, 1, size, file) }
    }

    static func text(_ path: String) throws(CheckError) -> String { String(decoding: try bytes(path), as: UTF8.self) }

    static func bytesOrEmpty(_ path: String) -> [UInt8] { (try? bytes(path)) ?? [] }
}

/// What this thread has worked since it was made: machines are shared.
struct Stopwatch {
    private let began = Stopwatch.now()

    var seconds: Double { Stopwatch.now() - began }
    var milliseconds: Int { Int(seconds * 1000) }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
