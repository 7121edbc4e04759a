import ClusterModel
import JSONText
import Transport
import WireProtocol

// What an operator sees of the frontend's parts. Ids and counts, never texts.

extension RouterClient {
    func debugState(into json: inout JSONWriter) {
        json.beginObject()
        json.key("address")
        json.string(address.description)
        json.key("id")
        json.string(Hexadecimal.text(identity?.id ?? 0))
        json.key("usable")
        json.bool(isUsable)
        json.key("open_plans")
        json.number(openPlans)
        json.key("workers")
        json.number(view?.workers.count ?? 0)
        json.key("pools")
        json.number(view?.pools.count ?? 0)
        json.key("gaps")
        json.number(view?.gaps ?? 0)
        json.endObject()
    }
}

extension WorkerClient {
    func debugState(into json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(Hexadecimal.text(workerID))
        json.key("generation")
        json.string(Hexadecimal.text(generation))
        json.key("open")
        json.bool(isOpen)
        json.key("requests")
        json.number(openRequests)
        json.key("legs")
        json.number(openLegs)
        json.key("unsent_bytes")
        json.number(unsentBytes)
        json.key("late_frames")
        json.number(lateFrames)
        json.key("failures_in_a_row")
        json.number(breaker.failuresInARow)
        json.key("barred")
        json.bool(breaker.isBarred)
        json.endObject()
    }
}

extension RetryBudgets {
    /// Of the last ten seconds.
    func debugState(into json: inout JSONWriter) {
        json.beginArray()
        for count in counts {
            json.beginObject()
            json.key("model")
            json.string(count.model)
            json.key("requests")
            json.number(count.requests)
            json.key("retries")
            json.number(count.retries)
            json.endObject()
        }
        json.endArray()
    }
}

extension Tenants {
    func debugState(into json: inout JSONWriter) {
        json.beginArray()
        for account in inOrder {
            json.beginObject()
            json.key("name")
            json.string(account.tenant.name)
            json.key("running")
            json.number(account.running)
            json.key("running_elsewhere")
            json.number(account.runningElsewhere)
            json.key("reserved_tokens")
            json.number(account.reservedTokens)
            if let tokens = account.allowance(at: now).tokens {
                json.key("tokens_left")
                json.number(tokens.remaining)
            }
            json.endObject()
        }
        json.endArray()
    }
}

extension ModelStore {
    func debugState(_ card: ModelCard, into json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(card.name)
        json.key("digest")
        json.string(card.digest.description)
        json.key("ready")
        json.bool(model(card.digest) != nil)
        if let failure = failure(card.digest) {
            json.key("failure")
            json.string("\(failure)")
        }
        json.endObject()
    }
}
