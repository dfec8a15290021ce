#pragma once
#include "tests/support/engine_process.h"
