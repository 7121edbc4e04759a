internal import CSys

/// Two connected descriptors that block, and that other programs do not inherit. Whoever makes them closes them, or hands them on.
package struct SocketPair {
    package let first: Int32
    package let second: Int32

    package init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let status = apus_socket_pair(&ends)
        guard status == 0 else { throw SystemError("socketpair", code: -status) }
        first = ends[0]
        second = ends[1]
    }

    /// The first end as a socket of the loop, and the second for another thread or process.
    @LoopActor package static func make(on loop: EpollLoop) throws(SystemError) -> (socket: any ByteSocket, other: Int32) {
        let pair = try SocketPair()
        let status = apus_never_block(pair.first)
        guard status == 0 else {
            apus_close(pair.first, 0)
            apus_close(pair.second, 0)
            throw SystemError("fcntl", code: -status)
        }
        return (EpollSocket(pair.first, peerIsLoopback: true, on: loop), pair.second)
    }
}
