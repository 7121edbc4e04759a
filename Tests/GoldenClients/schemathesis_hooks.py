"""What schemathesis makes up, turned to what can be answered: a model that is there, and answers that are short."""

import schemathesis

SERVED = "apus-mock"
MOST_TOKENS = 4
# Longer names are left wrong.
LONGEST_MODEL = 64


@schemathesis.hook
def map_body(context, body):
    """Keeps what is wrong in a body; what is right and would take long is made short."""
    if isinstance(body, dict) and isinstance(body.get("model"), str) and 0 < len(body["model"]) <= LONGEST_MODEL:
        body["model"] = SERVED
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "min_tokens"):
            if isinstance(body.get(name), int) and body[name] > MOST_TOKENS:
                body[name] = MOST_TOKENS
        if not any(isinstance(body.get(name), int) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")):
            body["max_tokens"] = MOST_TOKENS
    return body
