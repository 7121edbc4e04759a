// The zstd header that WireProtocol uses: one-shot compression with contexts.
#pragma once
#include <zstd.h>
