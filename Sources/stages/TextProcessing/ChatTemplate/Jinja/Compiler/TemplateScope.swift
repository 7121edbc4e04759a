/// Which variable a name means, decided before anything runs and by Jinja's rules: a name that is set in a scope belongs to that scope, and
/// begins there with what the scopes around it have at that moment.
final class TemplateScope {
    /// A place in the frame of the template or of a macro.
    struct Reference: Hashable {
        let level: Int
        let slot: Int
    }

    enum Source {
        /// Set by whoever enters the scope.
        case parameter
        /// From outside of the template.
        case context(String)
        /// What the scope around has under this name.
        case copy(String)
        case undefined
    }

    /// The slots of one frame.
    final class Frame {
        let level: Int
        private(set) var count = 0

        init(level: Int) { self.level = level }

        func slot() -> Int {
            count += 1
            return count - 1
        }
    }

    private struct Symbols {
        var references: [String: Reference] = [:]
        var sources: [Reference: Source] = [:]
        /// In the order in which they were first mentioned.
        var order: [Reference] = []
        var stores: Set<String> = []
    }

    /// What the branch that is analysed knows more than what stands around it, in the order of its writing.
    private struct Additions {
        var references: [(name: String, reference: Reference)] = []
        var stores: [String] = []
    }

    let frame: Frame
    private let parent: TemplateScope?
    private var symbols = Symbols()
    private var additions = Additions()

    init(frame: Frame, parent: TemplateScope?) {
        self.frame = frame
        self.parent = parent
    }

    // MARK: What the compiler asks

    enum Meaning {
        case slot(Reference)
        case context(String)
    }

    /// What a name means in the scope around this one.
    func outerMeaning(of name: String) -> Meaning { parent?.meaning(of: name) ?? .context(name) }

    func meaning(of name: String) -> Meaning {
        guard let (scope, reference) = find(name) else { return .context(name) }
        if case .context(let name)? = scope.symbols.sources[reference], !scope.symbols.stores.contains(name) { return .context(name) }
        return .slot(reference)
    }

    /// What has to be done whenever the scope is entered.
    var entries: [(slot: Int, source: Source)] {
        symbols.order.compactMap { reference in
            switch symbols.sources[reference] {
            case .parameter, nil: return nil
            case .context(let name)? where !symbols.stores.contains(name): return nil
            case let source?: return (reference.slot, source)
            }
        }
    }

    // MARK: Analysis

    func load(_ name: String) { if find(name) == nil { define(name, .context(name)) } }

    func declare(_ name: String) {
        addStore(name)
        define(name, .parameter)
    }

    func store(_ name: String) {
        addStore(name)
        guard symbols.references[name] == nil else { return }
        define(name, parent?.find(name) == nil ? .undefined : .copy(name))
    }

    /// Branches see what was known before them; a name that is set in one of them only keeps its value from outside in the others.
    ///
    /// Inside branches names are only added, so what a branch did is known by what it added, and taken back by removing that.
    func branches(_ bodies: [() -> Void]) {
        let outer = additions
        var branches: [Additions] = []
        for body in bodies {
            additions = Additions()
            body()
            branches.append(additions)
            for (name, _) in additions.references { symbols.references[name] = nil }
            for name in additions.stores { symbols.stores.remove(name) }
        }
        additions = outer
        for branch in branches {
            for (name, reference) in branch.references { add(name, reference) }
            for name in branch.stores { addStore(name) }
        }
        for name in branches.flatMap(\.stores) {
            guard let reference = symbols.references[name] else { continue }
            symbols.sources[reference] = parent?.find(name) == nil ? .context(name) : .copy(name)
        }
    }

    private func add(_ name: String, _ reference: Reference) {
        symbols.references[name] = reference
        additions.references.append((name, reference))
    }

    private func addStore(_ name: String) { if symbols.stores.insert(name).inserted { additions.stores.append(name) } }

    private func find(_ name: String) -> (TemplateScope, Reference)? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let reference = current.symbols.references[name] { return (current, reference) }
            scope = current.parent
        }
        return nil
    }

    private func define(_ name: String, _ source: Source) {
        let reference = Reference(level: frame.level, slot: frame.slot())
        add(name, reference)
        symbols.sources[reference] = source
        symbols.order.append(reference)
    }
}
