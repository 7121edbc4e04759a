/// Computes a few tokens to see how llama.cpp writes their state, which no header says, and that it takes it back.
struct StateProbe {
    private let context: LlamaContext
    private let tokens: Int

    init(_ context: LlamaContext, blockSize: Int) {
        self.context = context
        // Two differ in how they lie; more than a block say nothing new.
        tokens = max(1, min(2, blockSize))
    }

    /// Leaves the memory empty.
    func form() throws(LlamaError) -> StateForm {
        let batch = DecodeBatch(rows: tokens, sequences: 1), sequence: Int32 = 0
        for position in 0..<tokens { batch.append(0, at: position, in: [sequence], wantsLogits: position == tokens - 1) }
        guard context.decode(batch) == .done else { throw .context("it computes nothing") }
        let state = context.state(of: sequence)
        guard let form = StateForm(of: state, tokens: tokens), let page = form.page(of: state, first: 0, tokens: tokens, room: tokens)
        else {
            throw .architecture("state of a kind that does not lie in rows")
        }
        let again = form.state(of: page[...], first: 0, tokens: tokens, room: tokens)
        guard context.restore(again, to: sequence),
            form.page(of: context.state(of: sequence), first: 0, tokens: tokens, room: tokens) == page
        else {
            throw .architecture("state that is not the same when it is put back")
        }
        context.removeAll(from: sequence)
        return form
    }
}
