// A configuration that was read and judged by everything that can be known without changing anything or asking anybody.
#pragma once

#include "app/config.h"
#include "core/clock.h"

namespace gatehouse::app {

// Fault::invalid with one line per fault: of the file itself, of certificates and of the seed file.
Result<Config> load_and_check(const std::string& file, Timestamp now);

// The first key whose change cannot take effect while the program runs; empty when there is none.
std::string first_fixed_change(const Config& running, const Config& next);

}  // namespace gatehouse::app
