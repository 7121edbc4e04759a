import ClusterModel
import TextProcessing

/// Chats that grow, branch, are edited and sent again, each encoded with a memory and without: the tokens must be the same.
///
///     textcheck chats CASES SEED FILE…        each file a tokenizer.json
enum ChatCheck {
    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count > 2, let cases = Int(arguments[0]), let seed = UInt64(arguments[1]) else {
            throw CheckError(reason: "the number of cases, a seed and tokenizer files are expected")
        }
        let files = arguments.dropFirst(2)
        var isSame = true
        for (index, path) in files.enumerated() {
            let tokenizer: BPETokenizer, contents = try Files.bytes(path)
            do throws(TextError) { tokenizer = try BPETokenizer(parsing: contents) } catch {
                throw CheckError(reason: "\(path): \(error)")
            }
            var chats = GrowingChats(tokenizer, seed: seed &+ UInt64(index))
            let wanted = cases / files.count + 1
            do throws(TextError) { try chats.play(wanted) } catch { throw CheckError(reason: "\(path): \(error)") }
            if let difference = chats.difference {
                print("\(path): seed \(seed &+ UInt64(index)), case \(difference): other tokens than a fresh encode gives")
                isSame = false
            }
            let share = "\(chats.reused * 100 / max(1, chats.total)) % of their bytes known"
            print(
                "chats: \(path): \(wanted) prompts, \(chats.cuts > 0 ? share : "no place to cut: its added tokens take blanks with them")")
            // A memory that never remembers would agree with everything.
            if chats.reused == 0, chats.cuts > 0 {
                print("\(path): nothing was ever known")
                isSame = false
            }
        }
        return isSame
    }
}

/// Some chats at a time, and what they were encoded to.
private struct GrowingChats {
    private struct Turn {
        var role: String
        var text: String
    }

    private let tokenizer: BPETokenizer
    /// Small, so that prompts are forgotten while they are still wanted.
    private let memory = PromptMemory(bytes: 1 << 20)
    private let marks: [String]
    private var random: SeededRandom
    private var chats: [[Turn]] = []
    private(set) var reused = 0
    private(set) var total = 0
    private(set) var cuts = 0
    /// The first case whose tokens differ.
    private(set) var difference: Int?

    init(_ tokenizer: BPETokenizer, seed: UInt64) {
        self.tokenizer = tokenizer
        let specials = tokenizer.vocabulary.specials.map(\.text)
        marks = specials.isEmpty ? ["\n\n"] : Array(specials.prefix(8))
        random = SeededRandom(seed: seed)
    }

    mutating func play(_ cases: Int) throws(TextError) {
        for number in 0..<cases {
            let prompt = next()
            var known: [TokenID] = [], fresh: [TokenID] = []
            let outcome = try memory.encode(
                prompt, with: tokenizer, group: random.next() % 8 == 0 ? 1 : 0, atMost: .max, into: &known)
            var found: [TextCut] = []
            try tokenizer.encode(prompt, from: .start, atMost: .max, isCancelled: { false }, into: &fresh, cuts: &found)
            cuts += found.count
            reused += outcome.reused
            total += outcome.total
            if known != fresh, difference == nil { difference = number }
        }
    }

    /// One of the chats, after it grew or was changed.
    private mutating func next() -> PromptText {
        if chats.count < 8 { chats.append([turn(bytes: 4_000)]) }
        let place = pick(chats.count)
        switch pick(16) {
        case 0: chats[place] = [chats[place][0], turn(bytes: 500)]
        case 1: chats[place] = [turn(bytes: 5_000)]
        case 2: chats[place][pick(chats[place].count)] = turn(bytes: 300)
        case 3: chats[pick(chats.count)] = chats[place]
        case 4: break
        default: chats[place].append(turn(bytes: 400))
        }
        if chats[place].count > 40 { chats[place].removeLast(30) }
        var prompt = PromptText()
        // Which marks, and whether blanks stand beside them, is the chat's.
        for turn in chats[place] {
            prompt.append(template: marks[turn.text.utf8.count % marks.count] + turn.role)
            prompt.append(content: turn.text)
            prompt.append(template: marks[turn.role.utf8.count % marks.count] + (turn.text.utf8.count % 3 == 0 ? " \n" : ""))
        }
        return prompt
    }

    private mutating func turn(bytes: Int) -> Turn {
        var text = ""
        let wanted = pick(bytes) + 1
        while text.utf8.count < wanted { text += word() }
        return Turn(role: ["user\n", "assistant\n", " tool", ""][pick(4)], text: text)
    }

    private mutating func word() -> String {
        switch pick(12) {
        case 0: marks[pick(marks.count)]
        case 1: "\n"
        case 2: "  "
        case 3: String(Unicode.Scalar(UInt32(0x300 + pick(0x70))) ?? "a")
        case 4: ["日本語", "é", "e\u{301}", "🙂", "Ａ", "ﬁ", "한국", "ـ"][pick(8)]
        case 5: String(pick(100_000))
        default: [" the", " quick", "Brown", " fox's", " jumps", ",", ".", " over", "ing", "<", "|", " I'll"][pick(12)]
        }
    }

    private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
}
