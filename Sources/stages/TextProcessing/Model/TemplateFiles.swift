import JSONText

/// The files that hold nothing but chat templates.
enum TemplateFiles {
    /// The template itself, as newer models ship it.
    static let source = "chat_template.jinja"
    /// `{"chat_template": …}`, as some processors of images ship it.
    static let json = "chat_template.json"

    static let member = "chat_template"
    static let defaultName = "default"

    static func parse(json contents: [UInt8]) throws(TextError) -> [(name: String, source: [UInt8])] {
        let file = try FileText(json, contents, limit: TextLimits.configFileBytes)
        switch file[member] {
        case .string(let source)?: return [(defaultName, Array(source.utf8))]
        case .array(let elements)?: return try named(elements, in: file)
        default: throw file.error(member, "must be a string or an array of named templates")
        }
    }

    /// `[{"name": …, "template": …}]`, each name there once.
    static func named(_ elements: [JSONValue], in file: FileText) throws(TextError) -> [(name: String, source: [UInt8])] {
        guard elements.count <= TextLimits.templates else { throw file.error(member, "has more than \(TextLimits.templates) elements") }
        var templates: [(name: String, source: [UInt8])] = []
        for (index, element) in elements.enumerated() {
            let place = "\(member)[\(index)]"
            guard let name = element["name"]?.asString, let source = element["template"]?.asString else {
                throw file.error(place, "must be an object with the strings \"name\" and \"template\"")
            }
            guard !templates.contains(where: { $0.name.hasSameBytes(as: name) }) else {
                throw file.error(place, "has a name that is there twice")
            }
            templates.append((name, Array(source.utf8)))
        }
        return templates
    }
}
