/// Reads tokens into statements. Its recursion is bounded by `TextLimits.templateNesting`.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var place = 0
    private var nesting = 0
    /// Loops and macros around the statement being read: `break` needs a loop in the same macro.
    private var loops = 0

    static func statements(of source: [UInt8]) throws(TemplateError) -> [StatementSyntax] {
        guard source.count <= TextLimits.templateBytes else {
            throw .invalid(line: 1, reason: "more than \(TextLimits.templateBytes) bytes")
        }
        guard String(validating: source, as: UTF8.self) != nil else { throw .invalid(line: 1, reason: "not UTF-8") }
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        let statements = try parser.body(until: [])
        return statements
    }

    private init(tokens: [TemplateToken]) { self.tokens = tokens }

    // MARK: Tokens

    var token: TemplateToken { tokens[place] }
    var line: Int { token.line }

    mutating func advance() { if place < tokens.count - 1 { place += 1 } }

    func isName(_ word: String) -> Bool { token.kind == .name(word) }
    func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
    func isSymbol(_ symbol: String, ahead: Int) -> Bool { place + ahead < tokens.count && tokens[place + ahead].kind == .symbol(symbol) }

    mutating func take(name word: String) -> Bool {
        guard isName(word) else { return false }
        advance()
        return true
    }

    mutating func take(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String) throws(TemplateError) {
        guard take(symbol) else { throw unexpected("'\(symbol)'") }
    }

    mutating func name() throws(TemplateError) -> String {
        guard case .name(let name) = token.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    func unexpected(_ expected: String) -> TemplateError { .invalid(line: line, reason: "\(expected) is expected") }

    /// One level deeper; `leave` goes back.
    mutating func enter() throws(TemplateError) {
        nesting += 1
        guard nesting <= TextLimits.templateNesting else {
            throw .invalid(line: line, reason: "nested deeper than \(TextLimits.templateNesting) levels")
        }
    }

    mutating func leave() { nesting -= 1 }

    // MARK: Statements

    /// Statements until one of the names in a tag, which is left to be read; without names, until the end of the template.
    private mutating func body(until ends: [String]) throws(TemplateError) -> [StatementSyntax] {
        try enter()
        defer { leave() }
        var statements: [StatementSyntax] = []
        while true {
            let line = line
            switch token.kind {
            case .data(let bytes):
                advance()
                statements.append(StatementSyntax(.data(bytes), line: line))
            case .beginOutput:
                advance()
                let value = try tuple()
                guard token.kind == .endOutput else { throw unexpected("'}}'") }
                advance()
                statements.append(StatementSyntax(.output(value), line: line))
            case .beginBlock:
                advance()
                let word = try name()
                if ends.contains(word) {
                    place -= 1
                    return statements
                }
                statements.append(StatementSyntax(try statement(word), line: line))
                try endTag()
            case .end:
                guard ends.isEmpty else { throw .invalid(line: line, reason: "'\(ends.last!)' is missing at the end") }
                return statements
            default: throw unexpected("text or a tag")
            }
        }
    }

    private mutating func endTag() throws(TemplateError) {
        guard token.kind == .endBlock else { throw unexpected("'%}'") }
        advance()
    }

    /// The rest of a tag and its body up to the ending tag, whose word is taken.
    private mutating func block(end: String) throws(TemplateError) -> [StatementSyntax] {
        try endTag()
        let statements = try body(until: [end])
        advance()
        return statements
    }

    private mutating func statement(_ word: String) throws(TemplateError) -> StatementSyntax.Kind {
        switch word {
        case "if": return try branches()
        case "for": return .loop(try loop())
        case "set": return try assignment()
        case "macro":
            let name = try name()
            let parameters = try parameters()
            return .macro(MacroSyntax(name: name, parameters: parameters, body: try outsideLoops("endmacro")))
        case "call":
            let parameters = isSymbol("(") ? try parameters() : []
            let call = try expression()
            guard case .call = call.kind else { throw .invalid(line: call.line, reason: "a call is expected") }
            return .callBlock(call, MacroSyntax(name: "caller", parameters: parameters, body: try outsideLoops("endcall")))
        case "filter":
            let filter = try filters(nil)
            return .filterBlock(filter, body: try block(end: "endfilter"))
        case "with": return try with()
        case "generation": return .generation(try outsideLoops("endgeneration"))
        case "break", "continue":
            guard loops > 0 else { throw .invalid(line: line, reason: "'\(word)' outside of a loop") }
            return word == "break" ? .breakLoop : .continueLoop
        default: throw .invalid(line: line, reason: "the tag '\(word.prefix(32))' is not known here")
        }
    }

    private mutating func outsideLoops(_ end: String) throws(TemplateError) -> [StatementSyntax] {
        let outer = loops
        loops = 0
        defer { loops = outer }
        return try block(end: end)
    }

    private mutating func branches() throws(TemplateError) -> StatementSyntax.Kind {
        var branches: [(test: ExpressionSyntax, body: [StatementSyntax])] = []
        var otherwise: [StatementSyntax] = []
        while true {
            let test = try tuple(withConditional: false)
            try endTag()
            branches.append((test, try body(until: ["elif", "else", "endif"])))
            if take(name: "elif") { continue }
            if take(name: "else") { otherwise = try block(end: "endif") } else { advance() }
            return .branches(branches, otherwise: otherwise)
        }
    }

    private mutating func loop() throws(TemplateError) -> LoopSyntax {
        let target = try target(allowsMembers: false)
        guard take(name: "in") else { throw unexpected("'in'") }
        let values = try tuple(withConditional: false, ends: "recursive")
        let test = take(name: "if") ? try expression() : nil
        let isRecursive = take(name: "recursive")
        loops += 1
        defer { loops -= 1 }
        try endTag()
        let statements = try body(until: ["else", "endfor"])
        var otherwise: [StatementSyntax] = []
        if take(name: "else") { otherwise = try block(end: "endfor") } else { advance() }
        return LoopSyntax(target: target, values: values, test: test, isRecursive: isRecursive, body: statements, otherwise: otherwise)
    }

    private mutating func assignment() throws(TemplateError) -> StatementSyntax.Kind {
        let target = try target(allowsMembers: true)
        if take("=") { return .set(target, try tuple()) }
        let filter = isSymbol("|") ? try filters(nil) : nil
        return .setBlock(target, filter: filter, body: try block(end: "endset"))
    }

    private mutating func with() throws(TemplateError) -> StatementSyntax.Kind {
        var assignments: [(target: TargetSyntax, value: ExpressionSyntax)] = []
        while token.kind != .endBlock {
            if !assignments.isEmpty { try expect(",") }
            let target = TargetSyntax.name(try variable())
            try expect("=")
            assignments.append((target, try expression()))
        }
        return .with(assignments, body: try block(end: "endwith"))
    }

    private mutating func parameters() throws(TemplateError) -> [(name: String, standard: ExpressionSyntax?)] {
        var parameters: [(name: String, standard: ExpressionSyntax?)] = []
        try expect("(")
        while !take(")") {
            if !parameters.isEmpty { try expect(",") }
            let name = try variable()
            let standard = take("=") ? try expression() : nil
            if standard == nil && parameters.last?.standard != nil {
                throw .invalid(line: line, reason: "a parameter without a default behind one that has one")
            }
            parameters.append((name, standard))
        }
        return parameters
    }

    /// A name that may be set.
    private mutating func variable() throws(TemplateError) -> String {
        let name = try name()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw .invalid(line: line, reason: "'\(name)' cannot be set")
        }
        return name
    }

    private mutating func target(allowsMembers: Bool) throws(TemplateError) -> TargetSyntax {
        var targets: [TargetSyntax] = []
        var isTuple = false
        repeat {
            guard case .name(let word) = token.kind, word != "in" else {
                if take("(") {
                    targets.append(try nested())
                    continue
                }
                break
            }
            let name = try variable()
            targets.append(allowsMembers && take(".") ? .member(namespace: name, try self.name()) : .name(name))
            guard isSymbol(",") else { break }
            isTuple = true
        } while take(",")
        guard let first = targets.first else { throw unexpected("a name") }
        return isTuple ? .tuple(targets) : first
    }

    private mutating func nested() throws(TemplateError) -> TargetSyntax {
        try enter()
        defer { leave() }
        let inner = try target(allowsMembers: false)
        try expect(")")
        return inner
    }
}
