/// What a macro, function, filter, test or method is called with.
struct CallArguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    static var none: CallArguments { CallArguments() }

    var isEmpty: Bool { positional.isEmpty && named.isEmpty }

    /// The value of each parameter, nil where none is given. Too many and unknown ones are a failure that names `callee`.
    func bind(_ parameters: [String], to callee: String, _ rendering: Rendering) throws(TemplateError) -> [TemplateValue?] {
        guard positional.count <= parameters.count else {
            throw rendering.failure("\(callee) takes at most \(parameters.count) arguments")
        }
        var values = [TemplateValue?](repeating: nil, count: parameters.count)
        for (index, value) in positional.enumerated() { values[index] = value }
        for (name, value) in named {
            guard let place = parameters.firstIndex(of: name) else { throw rendering.failure("\(callee) has no parameter '\(name)'") }
            guard values[place] == nil else { throw rendering.failure("\(callee) is given '\(name)' twice") }
            values[place] = value
        }
        return values
    }
}

extension Rendering {
    /// An argument that must be an integer, where there is one.
    func integer(_ value: TemplateValue?, _ name: String) throws(TemplateError) -> Int? {
        guard let value else { return nil }
        guard case .int(let integer)? = Numeric(value) else { throw failure("\(name) must be an integer, not \(value.typeName)") }
        return integer
    }

    func required(_ value: TemplateValue?, _ name: String) throws(TemplateError) -> TemplateValue {
        guard let value else { throw failure("\(name) is missing") }
        return value
    }

    /// An argument that must be text.
    func text(_ value: TemplateValue?, _ name: String) throws(TemplateError) -> TemplateText {
        guard case .text(let text) = try required(value, name) else {
            throw failure("\(name) must be a str, not \(value?.typeName ?? "")")
        }
        return text
    }
}
