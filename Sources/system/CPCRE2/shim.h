// The PCRE2 header that TextProcessing uses, over UTF-8: split patterns of tokenizers that have no scanner of their own.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
