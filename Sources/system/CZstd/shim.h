// The zstd headers that WireProtocol uses: compression with contexts, and what its errors are.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
