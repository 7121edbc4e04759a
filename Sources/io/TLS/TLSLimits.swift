/// What TLS may cost. Measured or given by the protocol, so they are constants and no options.
package enum TLSLimits {
    /// A certificate with its chain, or a bundle of authorities: kilobytes, and the bundle of a whole system is a third of this.
    package static let fileBytes = 1 << 20
    /// The most that one record carries, by the protocol.
    static let recordBytes = 16 << 10
    /// Read from a socket at one time, into a buffer that all connections share. With what may be left of an earlier record the plain text of
    /// it fits into the 64 KiB that a server reads into.
    static let readBytes = 32 << 10
    /// Handshakes that take a step in one turn of the loop. A step costs milliseconds of arithmetic, and while it runs no stream gets its
    /// tokens: a crowd of new clients waits in line instead.
    static let handshakesPerTurn = 2
}
