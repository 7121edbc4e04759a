import Engines
import WireProtocol

/// One step as frames: mostly one, and several where it exports more state than a frame takes. They are read as steps of their own, in order.
struct StepFrames {
    /// What goes ahead of the rest of a step; keeps its memory.
    private var ahead = StepOutput()

    /// Empties the output's events, and leaves the rest as it is.
    mutating func append(_ output: inout StepOutput, to bytes: inout [UInt8]) {
        var first = 0, exported = 0
        for index in output.events.indices {
            let size = output.events[index].stateBytes
            if exported > 0, exported + size > EngineFrameLimits.exportedBytes {
                ahead.removeAll()
                ahead.events.append(contentsOf: output.events[first..<index])
                ahead.loads.append(contentsOf: output.loads)
                EngineFrame.append(.step, &ahead, to: &bytes)
                (first, exported) = (index, 0)
            }
            exported += size
        }
        output.events.removeFirst(first)
        EngineFrame.append(.step, &output, to: &bytes)
        output.events.removeAll(keepingCapacity: true)
    }
}

extension EngineEvent {
    fileprivate var stateBytes: Int {
        switch self {
        case .exported(_, _, let bytes), .beside(_, let bytes): bytes.count
        default: 0
        }
    }
}
