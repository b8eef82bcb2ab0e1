// What `up` and `serve` say when they are ready: one line for programs, a page for people.
#pragma once

#include <string>

#include "app/house.h"

namespace gatehouse::app {

enum class Colours { yes, no };

std::string demo_line(const Ready& ready);       // JSON, one line, secrets included: it is what the caller asked for
std::string demo_page(const Ready& ready, Colours colours);
std::string serve_line(const Ready& ready);
std::string serve_page(const Ready& ready, Colours colours);

}  // namespace gatehouse::app
