import JSONText

/// Bodies of `/v1/models` and `/v1/models/{id}`.
package struct ModelList: Sendable {
    package struct Model: Hashable, Sendable {
        package var id: String
        /// Seconds since 1970.
        package var created: Int64
        package var owner: String
        /// Prompt and output together, in tokens.
        package var contextLength: Int
        /// The model that an adapter changes.
        package var parent: String?

        package init(id: String, created: Int64, owner: String = "apus", contextLength: Int, parent: String? = nil) {
            self.id = id
            self.created = created
            self.owner = owner
            self.contextLength = contextLength
            self.parent = parent
        }

        /// Appends `{"id":…,"object":"model",…}`.
        package func append(to bytes: inout [UInt8]) {
            bytes.append(static: #"{"id":"#)
            JSONWriter.appendQuoted(id, to: &bytes)
            bytes.append(static: #","object":"model","created":"#)
            JSONWriter.appendDigits(UInt64(max(0, created)), to: &bytes)
            bytes.append(static: #","owned_by":"#)
            JSONWriter.appendQuoted(owner, to: &bytes)
            // Two names of one thing, each read by clients of another server.
            for name in [#","max_model_len":"#, #","context_window":"#] as [StaticString] {
                bytes.append(static: name)
                JSONWriter.appendDigits(UInt64(max(0, contextLength)), to: &bytes)
            }
            if let parent {
                bytes.append(static: #","parent":"#)
                JSONWriter.appendQuoted(parent, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    package var models: [Model]

    package init(_ models: [Model]) { self.models = models }

    /// Appends the list in the order given.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(static: #"{"object":"list","data":["#)
        for (place, model) in models.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            model.append(to: &bytes)
        }
        bytes.append(static: "]}")
    }
}
