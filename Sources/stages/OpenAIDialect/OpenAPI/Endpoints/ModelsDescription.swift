/// Models, and what became of requests.
enum ModelsDescription {
    static let endpoints = [
        EndpointDescription(
            method: .get, path: "/v1/models", id: "listModels", summary: "Models that can be asked for.",
            answers: [.init(description: "All of them.", schema: .ref("ModelList"))],
            schemas: [
                Schema.Named("Model", model),
                Schema.Named("ModelList", .object([.needed("object", .word("list")), .needed("data", .array(of: .ref("Model")))])),
            ]),
        EndpointDescription(
            method: .get, path: "/v1/models/{id}", id: "showModel", summary: "One model. Its name may have slashes in it.",
            parameters: [.init(name: "id", place: .path, description: "The model's name.", schema: .printable)],
            answers: [.init(description: "It.", schema: .ref("Model"))], failures: [404]),
        EndpointDescription(
            method: .get, path: "/v1/requests/{id}/decision", id: "explainRequest", summary: "Why a request ran where it did.",
            parameters: [
                .init(
                    name: "id", place: .path, description: "The client's x-request-id, or the id of the answer. Kept for a while.",
                    schema: .printable)
            ],
            answers: [.init(description: "The record of the router's decision.", schema: .ref("Decision"))], failures: [404],
            schemas: [Schema.Named("Decision", Schema.object.described("The record of a router's decision. Placements are ordinals."))]),
    ]

    private static let model = Schema.object([
        .needed("id", .text), .needed("object", .word("model")), .needed("created", .count), .needed("owned_by", .text),
        .needed("max_model_len", .count.described("Prompt and output together, in tokens.")),
        .needed("context_window", .count.described("The same.")),
        .sometimes("parent", .text.described("The model that an adapter changes.")),
    ])
}
