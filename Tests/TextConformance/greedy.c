// Greedy tokens by llama.cpp: greedy WEIGHTS STEPS <PROMPTS >ANSWERS
//
// A prompt is a line of token ids; so is an answer, each id with how far its logit was above the second best: `id:margin`. Keys and values are
// 32-bit numbers, one thread computes, and nothing is kept from one prompt to the next: what another engine should come to.
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>

enum { most_tokens = 4096, context = 4096, line_bytes = 1 << 16 };

static void quiet(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int fail(const char *what) {
    fprintf(stderr, "greedy: %s\n", what);
    return 1;
}

int main(int count, char **words) {
    if (count != 3) return fail("usage: greedy WEIGHTS STEPS <PROMPTS >ANSWERS");
    const int steps = atoi(words[2]);
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(words[1], llama_model_default_params());
    if (!model) return fail("the weights cannot be read");
    const struct llama_vocab *vocabulary = llama_model_get_vocab(model);
    const int size = llama_vocab_n_tokens(vocabulary);

    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = context;
    params.n_batch = params.n_ubatch = most_tokens;
    params.n_seq_max = 1;
    params.n_threads = params.n_threads_batch = 1;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *state = llama_init_from_model(model, params);
    if (!state) return fail("no context could be made");

    static char line[line_bytes];
    static llama_token tokens[most_tokens];
    while (fgets(line, sizeof line, stdin)) {
        int known = 0;
        char *rest = line, *end;
        for (long id; id = strtol(rest, &end, 10), end != rest; rest = end) {
            if (known == most_tokens || id < 0 || id >= size) return fail("a prompt is too long, or has a token that is none");
            tokens[known++] = (llama_token)id;
        }
        if (known == 0 || known + steps > context) return fail("a prompt has no token, or too many");
        llama_memory_clear(llama_get_memory(state), true);
        for (int step = 0; step < steps; step++) {
            if (llama_decode(state, llama_batch_get_one(tokens, known)) != 0) return fail("it could not be computed");
            const float *logits = llama_get_logits_ith(state, -1);
            int best = 0;
            for (int id = 1; id < size; id++)
                if (logits[id] > logits[best]) best = id;
            int second = best == 0 ? 1 : 0;
            for (int id = 0; id < size; id++)
                if (id != best && logits[id] > logits[second]) second = id;
            printf("%s%d:%.6f", step ? " " : "", best, logits[best] - logits[second]);
            tokens[0] = best;
            known = 1;
            if (llama_vocab_is_eog(vocabulary, best)) break;
        }
        puts("");
    }
    llama_free(state);
    llama_model_free(model);
    return 0;
}
