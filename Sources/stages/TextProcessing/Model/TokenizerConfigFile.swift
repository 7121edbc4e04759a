import JSONText

/// `tokenizer_config.json`, and `special_tokens_map.json` in its place where a model has only that: the names of special tokens, and chat templates.
///
/// Such files hold much that only the library that wrote them knows; what stands here is what text needs, and the rest is passed over.
struct TokenizerConfigFile {
    static let name = "tokenizer_config.json"
    static let specialsName = "special_tokens_map.json"

    /// What templates and libraries call them.
    private static let specialNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// `bos_token` and the like with their texts; of those that are null or missing nothing stands here.
    private(set) var specials: [(name: String, text: String)] = []
    /// In the order of the file; a single one is called `default`.
    private(set) var templates: [(name: String, source: [UInt8])] = []

    init() {}

    init(parsing contents: [UInt8], named fileName: String = Self.name) throws(TextError) {
        let file = try FileText(fileName, contents, limit: TextLimits.configFileBytes)
        for name in Self.specialNames {
            guard let text = try Self.special(name, in: file) else { continue }
            specials.append((name, text))
        }
        switch file[TemplateFiles.member] {
        case nil, .null?: break
        case .string(let source)?: templates = [(TemplateFiles.defaultName, Array(source.utf8))]
        case .array(let elements)?: templates = try TemplateFiles.named(elements, in: file)
        case .some: throw file.error(TemplateFiles.member, "must be a string or an array of named templates")
        }
    }

    /// A text, or an object that has it as `content`.
    private static func special(_ name: String, in file: FileText) throws(TextError) -> String? {
        guard let value = file[name], !value.isNull else { return nil }
        guard let text = value.asString ?? value["content"]?.asString else {
            throw file.error(name, "must be a string, or an object with the string \"content\"")
        }
        guard text.utf8.count <= TextLimits.specialTokenBytes else {
            throw file.error(name, "must have at most \(TextLimits.specialTokenBytes) bytes")
        }
        return text
    }

    func special(_ name: String) -> String? { specials.first { $0.name == name }?.text }
}
