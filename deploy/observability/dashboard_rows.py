"""The rows of the dashboards. make-dashboards, beside this file, makes Grafana's JSON of them.

A row is its title and its panels; a panel is its title, what it says, its unit, and pairs of an expression and its legend.
"""

JOBS = {"frontend": "apus-frontend", "router": "apus-router", "worker": "apus-worker"}


def quantile(q, family, by="", where=""):
    labels = ", ".join(["le"] + ([by] if by else []))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({family}_bucket{where}[$__rate_interval])))"


def rate(family, by="", where=""):
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({family}{where}[$__rate_interval]))"


def average(family, by="", where=""):
    return f"{rate(family + '_sum', by, where)} / {rate(family + '_count', by, where)}"


HERE = '{instance=~"$instance"}'
MODEL = '{model=~"$model"}'
BOTH = '{instance=~"$instance", model=~"$model"}'

OVERVIEW = [
    ("What clients see", [
        ("Requests a second", "By how they ended; an empty type is success.", "reqps",
         [(rate("dynamo_frontend_requests_total", "status, error_type", MODEL), "{{status}} {{error_type}}")]),
        ("Time to first token", "From the first byte of a request to its first token.", "s",
         [(quantile(0.5, "dynamo_frontend_time_to_first_token_seconds", "model", MODEL), "half {{model}}"),
          (quantile(0.99, "dynamo_frontend_time_to_first_token_seconds", "model", MODEL), "99 % {{model}}")]),
        ("Time between tokens", "Of a choice, from one token to the next.", "s",
         [(quantile(0.5, "dynamo_frontend_inter_token_latency_seconds", "model", MODEL), "half {{model}}"),
          (quantile(0.99, "dynamo_frontend_inter_token_latency_seconds", "model", MODEL), "99 % {{model}}")]),
        ("Tokens a second", "Given out to clients, as they come.", "short",
         [(rate("dynamo_frontend_output_tokens_total", "model", MODEL), "{{model}}")]),
        ("Failures", "The share of requests that failed by the cluster's own fault, over five minutes and an hour.", "percentunit",
         [("apus:failures:ratio_rate5m", "5 min"), ("apus:failures:ratio_rate1h", "1 h")]),
        ("Turned away", "The share of requests refused for want of room.", "percentunit",
         [('apus:turned_away:ratio_rate5m{model=~"$model"}', "{{model}}")]),
    ]),
    ("Where it runs", [
        ("Processes that answer", "By role.", "short", [('count by (job) (up{job=~"apus-.*"} == 1)', "{{job}}")]),
        ("Workers", "By state, as the router sees it that sees most.", "short",
         [("max by (state) (apus_router_workers)", "{{state}}")]),
        ("Requests under way", "Without a first token yet, and with one.", "short",
         [("sum by (model) (dynamo_frontend_queued_requests{model=~\"$model\"})", "before the first token {{model}}"),
          ("sum by (model) (dynamo_frontend_active_requests{model=~\"$model\"})", "streaming {{model}}")]),
        ("Queues", "Requests parked at all routers.", "short", [("apus:queue_requests:sum", "{{model}}")]),
        ("KV blocks that requests hold", "Share of each worker's.", "percentunit", [("apus:blocks_held:ratio", "{{instance}}")]),
        ("Attempts that failed", "By reason. Each is followed by another one, until the third.", "cps",
         [(rate("apus_frontend_attempts_failed_total", "reason"), "{{reason}}")]),
    ]),
    ("Caches", [
        ("Hit rate", "As routers predicted it, by pool.", "percentunit", [("apus:kv_hit_rate:avg5m", "{{dynamo_component}}")]),
        ("Of the reachable hits", "What one cache for all workers would have had is 1.", "percentunit",
         [("apus:reachable_hits:ratio_rate5m", "had")]),
        ("Promises kept", "Of the blocks that events promised, those that were found.", "percentunit",
         [("apus:promises_kept:ratio_rate5m", "found")]),
    ]),
]

FRONTEND = [
    ("Requests", [
        ("By endpoint", "", "reqps", [(rate("dynamo_frontend_requests_total", "endpoint, request_type", BOTH), "{{endpoint}} {{request_type}}")]),
        ("By outcome", "", "reqps", [(rate("dynamo_frontend_requests_total", "error_type", BOTH), "{{error_type}}")]),
        ("Under way", "", "short", [("sum by (model) (dynamo_frontend_inflight_requests" + BOTH + ")", "{{model}}")]),
        ("Duration", "From the first byte of a request to the end of its answer.", "s",
         [(quantile(q, "dynamo_frontend_request_duration_seconds", "model", BOTH), f"{q:g} {{{{model}}}}") for q in (0.5, 0.9, 0.99)]),
        ("Time to first token", "", "s",
         [(quantile(q, "dynamo_frontend_time_to_first_token_seconds", "model", BOTH), f"{q:g} {{{{model}}}}") for q in (0.5, 0.9, 0.99)]),
        ("Time between tokens", "", "s",
         [(quantile(q, "dynamo_frontend_inter_token_latency_seconds", "model", BOTH), f"{q:g} {{{{model}}}}") for q in (0.5, 0.9, 0.99)]),
        ("Prompts", "Tokens, of requests that were placed.", "short",
         [(average("dynamo_frontend_input_sequence_tokens", "model", BOTH), "average {{model}}"),
          (average("dynamo_frontend_cached_tokens", "model", BOTH), "of them cached {{model}}")]),
        ("Answers", "Tokens, of requests that got any.", "short",
         [(average("dynamo_frontend_output_sequence_tokens", "model", BOTH), "average {{model}}")]),
        ("Clients that left", "By why they are gone.", "cps", [(rate("apus_frontend_clients_departed_total", "reason", HERE), "{{reason}}")]),
    ]),
    ("Where the time goes", [
        ("Stages", "Average of each; they do not overlap.", "s", [(average("apus_frontend_stage_seconds", "stage", HERE), "{{stage}}")]),
        ("Text", "Making a prompt of a conversation, and tokens of a prompt.", "s",
         [(quantile(0.99, "dynamo_frontend_template_seconds", "", HERE), "template 99 %"),
          (quantile(0.99, "dynamo_frontend_tokenize_seconds", "", HERE), "tokenize 99 %")]),
        ("Event loop", "How much later than due its timers run.", "s",
         [(quantile(0.99, "dynamo_frontend_event_loop_delay_seconds", "instance", HERE), "{{instance}}")]),
    ]),
    ("Attempts, moves, sessions", [
        ("Attempts that failed", "", "cps", [(rate("apus_frontend_attempts_failed_total", "reason", HERE), "{{reason}}")]),
        ("Migrations", "Attempts that were lost at a worker and followed by another one.", "cps",
         [(rate("dynamo_frontend_model_migration_total", "migration_type", BOTH), "{{migration_type}}")]),
        ("Moves off workers that drain", "", "cps", [(rate("apus_frontend_moves_total", "outcome", HERE), "{{outcome}}")]),
        ("Split requests", "By the way that the KV state takes.", "cps", [(rate("apus_frontend_split_attempts_total", "path", HERE), "{{path}}")]),
        ("Requests with a session", "By what named it.", "cps", [(rate("apus_frontend_session_requests_total", "source", HERE), "{{source}}")]),
        ("Prompt bytes", "Of which the tokens were known from an earlier prompt, or made.", "Bps",
         [(rate("apus_frontend_prompt_bytes_total", "tokens", HERE), "{{tokens}}")]),
    ]),
    ("Connections and tenants", [
        ("Connections", "", "short", [("sum by (instance) (apus_frontend_connections" + HERE + ")", "open {{instance}}"),
                                      ("sum by (instance) (apus_frontend_streams_open" + HERE + ")", "streams {{instance}}")]),
        ("Bytes that clients have not taken", "", "bytes", [("sum by (instance) (apus_frontend_buffered_bytes" + HERE + ")", "{{instance}}")]),
        ("Refused before they were read", "", "cps", [(rate("apus_frontend_http_refused_total", "reason", HERE), "{{reason}}")]),
        ("Tenants: tokens a second", "", "short", [(rate("apus_frontend_tenant_tokens_total", "tenant, kind", HERE), "{{tenant}} {{kind}}")]),
        ("Tenants: refused for a limit", "", "cps", [(rate("apus_frontend_tenant_limited_total", "tenant, limit", HERE), "{{tenant}} {{limit}}")]),
        ("Without a tenant's key", "", "cps", [(rate("apus_frontend_unauthenticated_total", "reason", HERE), "{{reason}}")]),
    ]),
]

ROUTER = [
    ("Plans", [
        ("Plans a second", "By outcome.", "cps", [(rate("apus_router_plans_total", "outcome", HERE), "{{outcome}}")]),
        ("What routing costs", "From taking a request up to its place being booked.", "ms",
         [(quantile(0.99, phase, "", HERE), f"{name} 99 %") for name, phase in (
             ("total", "dynamo_router_overhead_total_ms"), ("lookup", "dynamo_router_overhead_indexer_find_matches_ms"),
             ("choice", "dynamo_router_overhead_scheduling_ms"))]),
        ("Hashing", "Done by frontends, which tell the router what it took.", "ms",
         [(quantile(0.99, "dynamo_router_overhead_block_hashing_ms", "", HERE), "99 %")]),
        ("Queue", "Requests parked, by model.", "short", [("sum by (model) (apus_router_queue_requests" + HERE + ")", "{{model}}")]),
        ("Time in the queue", "Of requests that were placed out of it.", "s",
         [(quantile(q, "apus_router_queue_wait_seconds", "", HERE), f"{q:g}") for q in (0.5, 0.9, 0.99)]),
        ("Left the queue", "", "cps", [(rate("apus_router_queue_left_total", "how", HERE), "{{how}}")]),
        ("Leases", "Booked here or told of by workers, not ended.", "short", [("sum by (instance) (apus_router_leases" + HERE + ")", "{{instance}}")]),
        ("Leases that ended", "", "cps", [(rate("apus_router_leases_ended_total", "reason", HERE), "{{reason}}")]),
        ("Sessions", "Where requests with one were placed.", "cps", [(rate("apus_router_session_plans_total", "outcome", HERE), "{{outcome}}")]),
    ]),
    ("Caches", [
        ("Blocks a second", "Of placed prompts: all, those that a cache for all could have had, and those that were there.", "short",
         [(rate("apus_router_prompt_blocks_total", "", HERE), "prompts"), (rate("apus_router_reachable_blocks_total", "", HERE), "reachable"),
          (rate("apus_router_hit_blocks_total", "", HERE), "hit")]),
        ("Promised and found", "Blocks that events promised where requests were placed.", "short",
         [(rate("apus_router_promised_blocks_total", "", HERE), "promised"), (rate("apus_router_found_blocks_total", "", HERE), "found")]),
        ("How events are used", "Workers by mode.", "short", [("max by (mode) (apus_router_workers_by_events" + HERE + ")", "{{mode}}")]),
        ("Index", "Distinct blocks, and copies at workers.", "short",
         [("sum by (instance) (apus_router_index_blocks" + HERE + ")", "blocks {{instance}}"),
          ("sum by (instance) (apus_router_index_copies" + HERE + ")", "copies {{instance}}")]),
        ("Memory of the index", "", "bytes", [("sum by (instance) (apus_router_index_bytes" + HERE + ")", "{{instance}}")]),
        ("No room in the index", "Blocks dropped, or not taken.", "short",
         [("sum by (instance) (rate(apus_router_index_evicted" + HERE + "[$__rate_interval]))", "dropped {{instance}}"),
          ("sum by (instance) (rate(apus_router_index_refused" + HERE + "[$__rate_interval]))", "not taken {{instance}}")]),
    ]),
    ("Streams and peers", [
        ("Gaps in workers' events", "", "cps", [(rate("apus_router_stream_gaps_total", "instance", HERE), "{{instance}}")]),
        ("Recoveries", "", "cps", [(rate("apus_router_stream_recoveries_total", "outcome", HERE), "{{outcome}}")]),
        ("Workers being recovered", "", "short", [("sum by (instance) (apus_router_resyncing_workers" + HERE + ")", "{{instance}}")]),
        ("Linked", "Other routers and frontends.", "short",
         [("sum by (instance) (apus_router_peers" + HERE + ")", "routers {{instance}}"),
          ("sum by (instance) (apus_router_frontends" + HERE + ")", "frontends {{instance}}")]),
        ("Links refused", "", "cps", [(rate("apus_router_links_rejected_total", "cause", HERE), "{{cause}}")]),
        ("Doubts", "Times that a worker's cache events were no longer believed.", "cps",
         [(rate("apus_router_cache_doubts_total", "reason", HERE), "{{reason}}")]),
    ]),
]

WORKER = [
    ("Engine", [
        ("Running and waiting", "Requests of all ranks.", "short",
         [("sum by (instance) (apus_worker_running_requests" + HERE + ")", "running {{instance}}"),
          ("sum by (instance) (apus_worker_waiting_requests" + HERE + ")", "waiting {{instance}}")]),
        ("Tokens a second", "Prompts computed, and answers made.", "short",
         [(rate("apus_worker_prefill_tokens_total", "instance", HERE), "prefill {{instance}}"),
          (rate("apus_worker_output_tokens_total", "instance", HERE), "output {{instance}}")]),
        ("Steps a second", "None while requests run is an engine that is stuck.", "cps", [(rate("apus_worker_steps_total", "instance", HERE), "{{instance}}")]),
        ("Prompt tokens that wait", "Not computed yet, by rank.", "short",
         [("sum by (instance, rank) (apus_worker_waiting_tokens" + HERE + ")", "{{instance}} {{rank}}")]),
        ("Requests that ended", "", "cps", [(rate("apus_worker_requests_ended_total", "reason", HERE), "{{reason}}")]),
        ("Requests refused", "", "cps", [(rate("apus_worker_requests_refused_total", "code", HERE), "{{code}}")]),
    ]),
    ("KV blocks", [
        ("Held by requests", "Share of the worker's.", "percentunit", [('apus:blocks_held:ratio{instance=~"$instance"}', "{{instance}}")]),
        ("Held or cached", "", "short", [("sum by (instance) (apus_worker_used_blocks" + HERE + ")", "{{instance}}"),
                                         ("sum by (instance) (apus_worker_total_blocks" + HERE + ")", "all {{instance}}")]),
        ("Sessions", "Bound to the worker.", "short", [("sum by (instance) (apus_worker_sessions" + HERE + ")", "{{instance}}")]),
    ]),
    ("Transfers of KV state", [
        ("Rooms that are over", "Anything but done is a transfer that failed.", "cps",
         [(rate("apus_worker_kv_transfers_total", "direction, outcome", HERE), "{{direction}} {{outcome}}")]),
        ("Exposed time", "What nothing hid: the second token waits for it.", "s",
         [(quantile(q, "apus_worker_kv_exposed_seconds", "", HERE), f"{q:g}") for q in (0.5, 0.99)]),
        ("Bytes a second", "Plain, and as they were on the link.", "Bps",
         [(rate("apus_worker_kv_bytes_total", "direction, form", HERE), "{{direction}} {{form}}")]),
    ]),
    ("Its stream", [
        ("Events a second", "", "cps", [(rate("apus_worker_stream_events_total", "instance", HERE), "{{instance}}")]),
        ("Asked for again", "Questions for past events, by what was answered.", "cps", [(rate("apus_worker_replays_total", "outcome", HERE), "{{outcome}}")]),
        ("Registered", "With each router: 1.", "short", [("min by (instance, router) (apus_worker_registered" + HERE + ")", "{{instance}} {{router}}")]),
    ]),
]

# Of every role: what a process costs, and whether it can still say how it is.
PROCESS = ("The process", [
    ("Memory", "Resident.", "bytes", [('sum by (instance) (process_resident_memory_bytes{job="$JOB", instance=~"$instance"})', "{{instance}}")]),
    ("Log lines lost", "", "cps", [('sum by (instance) (rate(apus_log_lines_dropped_total{job="$JOB", instance=~"$instance"}[$__rate_interval]))', "{{instance}}")]),
    ("Spans", "Taken by the collector, or not.", "cps",
     [('sum (rate(apus_trace_spans_exported_total{job="$JOB", instance=~"$instance"}[$__rate_interval]))', "exported"),
      ('sum by (reason) (rate(apus_trace_spans_dropped_total{job="$JOB", instance=~"$instance"}[$__rate_interval]))', "dropped {{reason}}")]),
])
