import Engines
import JSONText

extension EngineSampling {
    /// As an object by token, in which each name stands once: the last bias of a token counts.
    var biases: JSONValue {
        var biases = JSONObject()
        for bias in logitBias { biases[String(bias.token)] = JSONNumber(Double(bias.bias)).map(JSONValue.number) }
        return .object(biases)
    }
}
