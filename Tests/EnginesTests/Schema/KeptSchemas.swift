/// Schemas that the mock keeps, one a line.
let keptSchemas = #"""
    {}
    true
    {"type":"string"}
    {"type":"integer"}
    {"type":"number"}
    {"type":"boolean"}
    {"type":"null"}
    {"type":"array"}
    {"type":"object"}
    {"type":["string","null"]}
    {"type":["integer","string","array"]}
    {"type":["number","integer"]}
    {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}
    {"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"},"c":{"type":"boolean"},"d":{"type":"null"}}}
    {"type":"object","properties":{"loc":{"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["c","f"]}},"required":["city"],"additionalProperties":false}},"required":["loc"],"additionalProperties":false}
    {"properties":{"z":{"type":"integer"},"a":{"type":"integer"}},"required":["a","z"]}
    {"type":"object","required":["x","y"]}
    {"type":"object","required":["b"],"additionalProperties":{"type":"integer"}}
    {"type":"object","additionalProperties":{"type":"integer"},"minProperties":2}
    {"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"}},"minProperties":2,"maxProperties":2}
    {"type":"object","properties":{"a":false,"b":{"type":"integer"}},"required":["b"]}
    {"type":"object","properties":{"a":{"type":"integer"}},"maxProperties":0}
    {"enum":["red","green",3,null,{"a":1}]}
    {"enum":[1,2,3,4],"minimum":3}
    {"type":"integer","enum":["a",1,2.0,3.5]}
    {"const":{"b":1,"a":[1,2]}}
    {"const":"\"quoted\"\n\u0001 🗼"}
    {"type":"object","properties":{"深":{"const":"東京"},"q\"":{"const":"\n\\"}},"required":["深","q\""]}
    {"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":5}
    {"type":"array","items":{"type":"string"},"maxItems":0}
    {"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}
    {"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"boolean"},"minItems":4}
    {"type":"array","items":{"enum":["a","b","c"]},"minItems":3,"uniqueItems":true}
    {"type":"array","items":{"type":"integer","minimum":1,"maximum":10},"minItems":10,"uniqueItems":true}
    {"type":"array","items":{"type":"integer","minimum":1,"maximum":3},"contains":{"const":2},"minItems":3}
    {"type":"array","items":{"type":"array","items":{"type":"array","items":{"type":"number"},"minItems":1},"minItems":1},"minItems":1}
    {"type":"string","minLength":10,"maxLength":12}
    {"type":"string","minLength":500}
    {"type":"string","maxLength":2}
    {"type":"string","maxLength":0}
    {"type":"string","format":"date"}
    {"type":"string","format":"date-time"}
    {"type":"string","format":"uuid"}
    {"type":"string","format":"email","maxLength":6}
    {"type":"string","format":"uri"}
    {"type":"string","format":"of my own"}
    {"type":"string","pattern":"^[A-Z]{3}-\\d{2,4}$"}
    {"type":"string","pattern":"^\\+?[1-9]\\d{1,14}$"}
    {"type":"string","pattern":"abc"}
    {"type":"string","pattern":"^[a-z_][a-z0-9_]*$","maxLength":5}
    {"type":"integer","minimum":5,"maximum":7}
    {"type":"integer","exclusiveMinimum":5,"exclusiveMaximum":7}
    {"type":"integer","minimum":1.5,"maximum":2.5}
    {"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.001}
    {"type":"number","minimum":-1.5,"maximum":-1.25}
    {"type":"integer","multipleOf":7,"minimum":50}
    {"type":"number","multipleOf":0.01,"minimum":0,"maximum":1}
    {"type":"integer","multipleOf":0.5}
    {"allOf":[{"type":"integer","multipleOf":4},{"multipleOf":6}],"minimum":13}
    {"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}
    {"type":"number","maximum":1e308,"minimum":-1e308}
    {"type":"integer","maximum":-5}
    {"type":"number","minimum":1e3,"maximum":1.001E+3}
    {"anyOf":[{"type":"string"},{"type":"integer"}]}
    {"anyOf":[false,{"type":"integer"}]}
    {"anyOf":[{"type":"string","pattern":"(a|b)+"},{"type":"integer"}]}
    {"type":"object","properties":{"a":{"anyOf":[{"type":"number"},{"type":"null"}]}},"required":["a"]}
    {"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]}
    {"oneOf":[{"type":"integer"},{"type":"number","minimum":5.5,"maximum":5.75}]}
    {"type":"string","not":{"maxLength":3}}
    {"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}
    {"allOf":[{"type":"integer","minimum":3},{"maximum":4}]}
    {"allOf":[{"anyOf":[{"minimum":3},{"minimum":5}]},{"anyOf":[{"type":"string"},{"type":"integer","maximum":9}]}]}
    {"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"required":["v"]}
    {"$defs":{"T":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/T"}}},"required":["v","kids"]}},"$ref":"#/$defs/T"}
    {"$defs":{"T":{"type":"object","properties":{"l":{"anyOf":[{"$ref":"#/$defs/T"},{"type":"null"}]},"r":{"anyOf":[{"$ref":"#/$defs/T"},{"type":"null"}]}},"required":["l","r"]}},"$ref":"#/$defs/T"}
    {"definitions":{"x":{"type":"string","enum":["q"]}},"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"required":["a"]}
    {"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/c"},"c":{"type":"boolean"}},"$ref":"#/$defs/a"}
    {"type":"array","minItems":1,"items":{"anyOf":[{"type":"object","properties":{"name":{"type":"string","enum":["get_weather"]},"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},"required":["name","parameters"]}]}}
    {"title":"T","description":"d","$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"type":"integer","default":1,"examples":[2]}},"required":["a"]}
    """#.split(separator: "\n").map(String.init)

/// What the mock refuses: the schema, and what it says of it.
let refusedSchemas: [(schema: String, says: String)] = [
    ("", "the schema is no JSON that can be used: the text ends too early"),
    ("[1]", "a schema is an object or a truth value, at #"),
    ("false", "no value satisfies false, at #"),
    (#"{"type":"secret"}"#, "type is the name of one, or a list of names, at #/type"),
    (#"{"properties":[]}"#, "properties is an object, at #/properties"),
    (#"{"minLength":-1}"#, "minLength is a count, at #/minLength"),
    (#"{"type":"string","enum":[1,2]}"#, "none of the values satisfies the rest, at #/enum"),
    (#"{"type":"array","minItems":5,"maxItems":3}"#, "minItems is above maxItems, at #"),
    (#"{"type":"string","minLength":3,"maxLength":2}"#, "minLength is above maxLength, at #"),
    (#"{"type":"integer","exclusiveMinimum":5,"exclusiveMaximum":6}"#, "no number lies between minimum and maximum, at #"),
    (#"{"allOf":[{"type":"integer"},{"type":"string"}]}"#, "no type is left, at #"),
    (#"{"items":{"enum":["a","b"]},"minItems":3,"uniqueItems":true}"#, "there are too few different values for uniqueItems"),
    (
        ##"{"$defs":{"T":{"type":"object","properties":{"n":{"$ref":"#/$defs/T"}},"required":["n"]}},"$ref":"#/$defs/T"}"##,
        "all values are deeper than 32 levels"
    ),
    (##"{"$ref":"#/nope"}"##, "$ref names nothing in the schema, at #/$ref"),
    (#"{"$ref":"https://secret.example.com/"}"#, "$ref names nothing in the schema, at #/$ref"),
    (#"{"type":"string","pattern":"^(secret|other)$"}"#, "the simulated engine cannot keep this pattern, at #/pattern"),
    (
        #"{"properties":{"a~/b":{"items":{"pattern":"(x)"}}}}"#,
        "the simulated engine cannot keep this pattern, at #/properties/a~0~1b/items/pattern"
    ),
    (
        #"{"type":"object","patternProperties":{"^x":{}}}"#,
        "the simulated engine cannot keep this patternProperties, at #/patternProperties"
    ),
    (#"{"properties":{"a":{}},"required":["b"],"additionalProperties":false}"#, "no value satisfies false, at #/additionalProperties"),
    (#"{"type":"string","format":"uuid","maxLength":6}"#, "no text of this format is as long as it is to be, at #"),
    (#"{"type":"integer","not":{"minimum":0}}"#, "the simulated engine finds no value for this not, at #/not"),
    (#"{"unevaluatedProperties":false}"#, "the simulated engine cannot keep this unevaluatedProperties, at #/unevaluatedProperties"),
    (
        #"{"const":[1],"allOf":[{"not":{"unevaluatedItems":false}}]}"#,
        "the simulated engine cannot keep this unevaluatedItems, at #/allOf/0/not/unevaluatedItems"
    ),
    (#"{"anyOf":[{"type":"string","pattern":"(a)"},false]}"#, "the simulated engine cannot keep this pattern, at #/anyOf/0/pattern"),
    (#"{"type":"string","minLength":100000}"#, "all values are longer than 65536 bytes"),
    (#"{"minItems":1000,"items":{"minItems":1000,"items":{"minItems":1000,"type":"array"}}}"#, "all values are longer than 65536 bytes"),
]
