/// Why a well-formed request got no answer, or only part of one. Each kind's status, type and code stand in `ServiceFailure+Table.swift`.
package struct ServiceFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable, CaseIterable {
        // the client's
        case invalidArgument, modelNotFound, notFound, contextLengthExceeded, unknownWorker, pinConflict, sessionUnsupported
        case unauthenticated, forbidden, routeNotFound, methodNotAllowed, unsupportedMediaType, bodyTooLarge, bodyTimeout
        // limits
        case tenantLimit, queueFull
        // ours, and it may heal
        case noWorker, draining, queueTimeout, deadlineUnreachable, timeout, overloaded, sessionLimit, capacity, transferFailed, workerLost
        // ours, and it will not
        case engineFailed, quarantined, internalError
        /// The client left: nothing is written to it.
        case cancelled
    }

    package var kind: Kind
    /// For the client, in our words; kept from it where the fault is ours.
    package var detail: String
    package var param: String?
    /// 0: none was told; then the kind's own.
    package var retryAfterMilliseconds: UInt32

    package init(_ kind: Kind, detail: String = "", param: String? = nil, retryAfterMilliseconds: UInt32 = 0) {
        self.kind = kind
        self.detail = detail
        self.param = param
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    /// `model` is quoted if it is short and printable.
    package static func modelNotFound(_ model: String) -> ServiceFailure {
        let name = FieldFault.quotable(model, atMost: DialectLimits.model).map { " '\($0)'" } ?? ""
        return ServiceFailure(.modelNotFound, detail: "The model\(name) does not exist.", param: "model")
    }

    /// `limit` counts prompt and output together.
    package static func contextLengthExceeded(limit: Int, param: String) -> ServiceFailure {
        ServiceFailure(
            .contextLengthExceeded, detail: "This model's maximum context length is \(limit) tokens; the prompt and the output exceed it.",
            param: param)
    }

    package var description: String { detail.isEmpty ? kind.row.message : detail }
}
