#!/usr/bin/env python3
"""Writes the exchanges of this folder: the shapes of SGLang's answers, put together by hand. No SGLang ran for them (see README.md)."""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
PROMPT = [1161, 284, 198, 317, 287, 266, 438, 333, 1032, 30, 1162, 198, 1161, 281, 198]
TOKENS = [325, 438, 333, 1032, 287, 940, 13, 1162]
TEXTS = ["The", " capital", " of", " Japan", " is", " Tokyo", ".", ""]


def write(name, method, target, body, status, answer, content="application/json"):
    sent = "" if body is None else json.dumps(body)
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent.encode())}\r\n"
    reply = f"HTTP/1.1 {status}\r\ndate: Mon, 23 Nov 2026 03:24:07 GMT\r\nserver: uvicorn\r\n"
    if isinstance(answer, list):
        reply += "content-type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        for event in answer:
            data = f"data: {event if isinstance(event, str) else json.dumps(event, separators=(',', ':'))}\n\n"
            reply += f"{len(data.encode()):x}\r\n{data}\r\n"
        reply += "0\r\n\r\n"
    else:
        text = answer if isinstance(answer, str) else json.dumps(answer, separators=(",", ":"))
        reply += f"content-length: {len(text.encode())}\r\ncontent-type: {content}\r\n\r\n{text}"
    (HERE / f"{name}.http").write_bytes(f"{head}\r\n{sent}\n=== answer ===\n{reply}".encode())


def meta(produced, finish=None, **more):
    info = {
        "id": "apus-1-0.", "finish_reason": finish, "prompt_tokens": len(PROMPT), "weight_version": "default", "num_retractions": 0,
        "reasoning_tokens": 0, "completion_tokens": produced, "cached_tokens": 14,
    }
    info.update(more)
    if finish:
        info["e2e_latency"] = 0.0312
    return info


STOP = {"type": "stop", "matched": 1162}


def question(**more):
    return {
        "rid": "apus-1-0.", "input_ids": PROMPT, "sampling_params": {"max_new_tokens": 16, "temperature": 0.0}, "stream": True, **more
    }


def streams():
    steps = [1, 2, 3, 5, 7, 8]  # some events have several tokens: a server that is ahead of its reader puts them together
    repeated, added, known = [], [], 0
    for count in steps:
        finish = STOP if count == len(TOKENS) else None
        repeated.append({"text": "".join(TEXTS[:count]), "output_ids": TOKENS[:count], "meta_info": meta(count, finish)})
        added.append({"text": "".join(TEXTS[known:count]), "output_ids": TOKENS[known:count], "meta_info": meta(count, finish)})
        known = count
    write("generate-stream", "POST", "/generate", question(), "200 OK", repeated + ["[DONE]"])
    write("generate-stream-incremental", "POST", "/generate", question(), "200 OK", added + ["[DONE]"])

    def scores(first, end):
        return {
            "input_token_logprobs": [],
            "output_token_logprobs": [[-0.125 * (i + 1), TOKENS[i], None] for i in range(first, end)],
            "output_token_logprobs_length": end - first,
            "output_top_logprobs": [
                [[-0.125 * (i + 1), TOKENS[i], None], [-9.5, 1028, None]] for i in range(first, end)
            ],
        }

    asked = question(return_logprob=True, logprob_start_len=-1, top_logprobs_num=2)
    repeated = [
        {"text": "".join(TEXTS[:n]), "output_ids": TOKENS[:n],
         "meta_info": meta(n, {"type": "length", "length": 3} if n == 3 else None, **scores(0, n))}
        for n in (1, 2, 3)
    ]
    added = [
        {"text": TEXTS[n - 1], "output_ids": TOKENS[n - 1:n],
         "meta_info": meta(n, {"type": "length", "length": 3} if n == 3 else None, **scores(n - 1, n))}
        for n in (1, 2, 3)
    ]
    write("generate-stream-logprobs", "POST", "/generate", asked, "200 OK", repeated + ["[DONE]"])
    write("generate-stream-logprobs-incremental", "POST", "/generate", asked, "200 OK", added + ["[DONE]"])
    error = {
        "error": {
            "message": "The input (2000 tokens) is longer than the model's context length (1024 tokens).",
            "type": "invalid_request_error", "code": 400, "retryable": False,
        }
    }
    write("generate-stream-error", "POST", "/generate", question(), "200 OK", [error, "[DONE]"])
    aborted = {"type": "abort", "message": "The request queue is full.", "status_code": 503, "err_type": "ServiceUnavailableError"}
    write(
        "generate-stream-abort", "POST", "/generate", question(), "200 OK",
        [{"text": "", "output_ids": [], "meta_info": meta(0, aborted)}, "[DONE]"])
    first = {"text": "The", "output_ids": TOKENS[:1], "meta_info": meta(1, {"type": "length", "length": 1})}
    write("generate-stream-prefill", "POST", "/generate", question(), "200 OK", [first, "[DONE]"])


def info(**more):
    return {
        "model_path": "deploy/models/tiny", "served_model_name": "tiny", "context_length": None, "page_size": 32, "dp_size": 1,
        "disable_radix_cache": False, "chunked_prefill_size": 512, "max_running_requests": 48, "grammar_backend": "xgrammar",
        "enable_priority_scheduling": False, "schedule_low_priority_values_first": False, "incremental_streaming_output": False,
        "disaggregation_mode": "null", "disaggregation_bootstrap_port": 8998, "launch_command": "sglang serve deploy/models/tiny",
        "status": "ready", "max_total_num_tokens": 4096, "max_req_input_len": 1018,
        "kv_events": {
            "publisher": "zmq", "endpoint_host": "*", "endpoint_port_base": 5557, "topic": "", "block_size": 32, "dp_size": 1,
            "replay_endpoint_port_base": 5558, "load_endpoint_port_base": 5559, "load_topic": "load",
        },
        "startup_time": 12.5,
        "internal_states": [{"max_total_num_tokens": 4096, "effective_max_running_requests_per_dp": 32}],
        "version": "0.5.23", "frontend": "python", **more,
    }


def descriptions():
    write("health", "GET", "/health", None, "200 OK", "")
    write("server-info", "GET", "/server_info", None, "200 OK", info())
    write("server-info-silent", "GET", "/server_info", None, "200 OK", info(kv_events=None, page_size=1))
    write("server-info-prefill", "GET", "/server_info", None, "200 OK", info(disaggregation_mode="prefill"))
    write("server-info-decode", "GET", "/server_info", None, "200 OK", info(disaggregation_mode="decode"))
    older = {
        "model_path": "deploy/models/tiny", "served_model_name": "tiny", "context_length": 1024, "page_size": 16, "dp_size": 2,
        "stream_output": True, "disable_radix_cache": True, "max_running_requests": None, "chunked_prefill_size": -1,
        "status": "ready", "max_total_num_tokens": 8192, "max_req_input_len": 1018, "version": "0.4.10",
        "internal_states": [{"last_gen_throughput": 0.0}, {"last_gen_throughput": 0.0}],
    }
    write("get-server-info-older", "GET", "/get_server_info", None, "200 OK", older)
    model = {
        "model_path": "deploy/models/tiny", "served_model_name": "tiny", "tokenizer_path": "deploy/models/tiny", "is_generation": True,
        "preferred_sampling_params": None, "weight_version": "default", "disaggregation_mode": "null", "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
    }
    write("model-info", "GET", "/model_info", None, "200 OK", model)
    cards = [
        {"id": "tiny", "object": "model", "owned_by": "sglang", "root": "tiny", "parent": None, "max_model_len": 1024},
        {"id": "sql", "object": "model", "owned_by": "sglang", "root": "adapters/sql", "parent": "tiny", "max_model_len": None},
    ]
    write("models", "GET", "/v1/models", None, "200 OK", {"object": "list", "data": cards})
    loads = [{
        "timestamp": 1795404247.5, "dp_rank": 0, "num_running_reqs": 3, "num_waiting_reqs": 2, "num_waiting_uncached_tokens": 90,
        "num_used_tokens": 1024, "num_total_tokens": 1100, "max_total_num_tokens": 4096, "max_running_requests": 32,
        "token_usage": 0.25, "gen_throughput": 101.5, "cache_hit_rate": 0.5, "utilization": 0.3,
    }]
    write(
        "loads", "GET", "/v1/loads?include=core", None, "200 OK",
        {"timestamp": "2026-11-23T03:24:07+00:00", "version": "0.5.23", "accelerator": None, "num_accelerators": 1, "loads": loads})
    older = [
        {"dp_rank": 0, "num_reqs": 5, "num_waiting_reqs": 1, "num_tokens": 4096},
        {"dp_rank": 1, "num_reqs": 0, "num_waiting_reqs": 0, "num_tokens": 0},
    ]
    write("get-load-older", "GET", "/get_load", None, "200 OK", json.dumps(older))
    write("not-found", "GET", "/server_info", None, "404 Not Found", {"detail": "Not Found"})


streams()
descriptions()
