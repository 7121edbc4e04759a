import ClusterModel
import Engines
import ServiceRuntime
import TextProcessing
import WireProtocol

/// A folder with the files of a model's text, as Hugging Face's libraries write them.
struct ModelFolder: Sendable {
    let path: String
    let vocabulary: MockVocabulary
    let text: ModelText
    /// As its chat template writes thoughts; nil: in no way that is known.
    let reasoning: ReasoningFormat?

    /// Read and understood here, so that a model which no frontend could serve stops the worker that offers it.
    init(_ path: String, _ reader: FileReader) throws(ValueProblem) {
        var contents: [String: [UInt8]] = [:], files: [EngineModelFile] = [], room = Limits.modelFileBytes
        for name in ModelText.fileNames {
            do throws(FileReadError) {
                let bytes = try reader.read("\(path)/\(name)", room)
                room -= bytes.count
                contents[name] = bytes
                files.append(EngineModelFile(name: name, bytes: bytes))
            } catch {
                guard error.isAbsent else { throw ValueProblem(error.description, remedy: "make the file readable to this process") }
            }
        }
        guard ModelText.tokenizerFiles.contains(where: { contents[$0] != nil }) else {
            throw ValueProblem(
                "there is none of \(ModelText.tokenizerFiles.joined(separator: ", ")) in it",
                remedy: "give the path of a folder with the files of a model")
        }
        let text: ModelText
        do throws(TextError) { text = try ModelText.make(files: contents) } catch {
            throw ValueProblem("the model cannot be used: \(error)", remedy: "correct its files, or give another folder")
        }
        let defaults = contents[GenerationConfigFile.name] ?? Array("{}".utf8)
        guard defaults.count <= Limits.generationDefaultsBytes else {
            throw ValueProblem(
                "\(GenerationConfigFile.name) is longer than \(Limits.generationDefaultsBytes) bytes",
                remedy: "leave out what is not sampling")
        }
        self.path = path
        self.text = text
        reasoning =
            Self.templateFiles.lazy.compactMap { contents[$0] }.compactMap {
                // Of JSON as it stands: markers have no escapes.
                ReasoningFormat.detected(inTemplate: String(decoding: $0, as: UTF8.self))
            }.first
        vocabulary = try Self.vocabulary(files, defaults, text)
    }

    /// The folder's own, where it can be a model's.
    var name: String? {
        guard let last = path.split(separator: "/").last, last.first != ".", last.utf8.count <= Limits.nameBytes,
            last.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return nil }
        return String(last)
    }

    /// That hold a template, in the order in which they come.
    private static let templateFiles = ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"]

    private static func vocabulary(
        _ files: [EngineModelFile], _ defaults: [UInt8], _ text: ModelText
    ) throws(ValueProblem) -> MockVocabulary {
        var speech: [TokenID] = []
        do throws(TextError) {
            try text.encode(.text(MockVocabulary.sentences), TemplateContext(unixSeconds: 0), atMost: .max, into: &speech)
        } catch { throw ValueProblem("the tokenizer fails on plain English: \(error)", remedy: "give another folder") }
        guard let end = text.endTokens.first else {
            throw ValueProblem("nothing says which token ends a text", remedy: "name it as eos_token in tokenizer_config.json")
        }
        let size = UInt32(clamping: text.vocabulary.count)
        guard
            let vocabulary = MockVocabulary(
                files: files, generationDefaults: defaults, size: size, endOfText: end, speech: speech, spelling: spelling(text))
        else { throw ValueProblem("its vocabulary has \(size) tokens: too few to speak with", remedy: "give another folder") }
        return vocabulary
    }
}

extension ModelFolder {
    /// Of text that is not the operator's: no special token comes of it.
    private static func spelling(_ text: ModelText) -> MockSpelling {
        MockSpelling { bytes in
            var prompt = PromptText(), tokens: [TokenID] = [], spelled: [UInt8] = []
            prompt.append(content: String(decoding: bytes, as: UTF8.self))
            do throws(TextError) { try text.tokenizer.encode(prompt, atMost: .max, into: &tokens) } catch { return nil }
            // A normalizer may have changed it.
            text.decode(tokens.span, showsSpecials: true, into: &spelled)
            return spelled == bytes ? tokens : nil
        }
    }
}

extension ValueSyntax<ModelFolder> {
    /// A path that is read at once, so that `--check-config` finds a model that cannot be used before the process runs.
    static var modelFolder: ValueSyntax<ModelFolder> {
        ValueSyntax(placeholder: "FOLDER") { raw, reader throws(ValueProblem) in
            guard case .text(let path) = raw, !path.isEmpty else {
                throw ValueProblem("it is no path", remedy: "write the path of a folder with a tokenizer.json")
            }
            return try ModelFolder(path, reader)
        } show: {
            .text($0.path)
        }
    }
}
