// The llama.cpp headers that LlamaEngine uses, of the version that deploy/engines/llama/setup builds.
#pragma once
#include <ggml.h>
#include <llama.h>
