import Testing

/// One suite for every `Network`: each case runs over real sockets and in the simulation.
///
/// One after another: the cases over real sockets keep real deadlines, and the machine that runs them is small.
@Suite("Transport contract", .serialized)
enum Contract {}
