import Engines

/// Rows of a batch that follow one another in one sequence.
struct BatchPart {
    /// In the batch.
    let rows: Range<Int>
    /// Of its sequence, in the batch: at least those up to its last row.
    let blocks: ArraySlice<BlockNumber>
    /// Positions that it computes.
    let positions: Range<Int>
    /// The part of this batch behind whose end it goes on: what several choices share is computed once.
    var parent: Int?
    /// That hold its sequence. Of a part on which others go on, there is one for each of those.
    var lanes: [Int] = []

    static func parts(of batch: ForwardBatch, blockSize: Int) -> [BatchPart] {
        var parts: [BatchPart] = [], start = 0
        let rows = batch.rows
        for end in 1..<rows.count + 1 where end == rows.count || rows[end].firstBlock != rows[start].firstBlock {
            let lastBlock = end == rows.count ? batch.blocks.count : rows[end].firstBlock
            var part = BatchPart(
                rows: start..<end, blocks: batch.blocks[rows[start].firstBlock..<lastBlock],
                positions: rows[start].position..<rows[end - 1].position + 1)
            if part.positions.lowerBound > 0 {
                let before = part.block(at: part.positions.lowerBound - 1, blockSize)
                parent: for (index, other) in parts.enumerated() {
                    let last = other.positions.upperBound
                    guard last == part.positions.lowerBound, other.block(at: last - 1, blockSize) == before else { continue }
                    part.parent = index
                    break parent
                }
            }
            parts.append(part)
            start = end
        }
        return parts
    }

    /// In which the state of a position lies.
    func block(at position: Int, _ blockSize: Int) -> BlockNumber { blocks[blocks.startIndex + position / blockSize] }
}
