// Files and folders that nobody but the owner may read. Start-up code: blocks.
#pragma once

#include <filesystem>
#include <string_view>

#include "core/error.h"

namespace gatehouse::app {

// Makes the folder (mode 0700) when it is missing, and proves that it can be written. Fault::invalid says what to do.
Result<void> open_private_folder(const std::filesystem::path& folder);
// Whole or not at all, mode 0600, on the disk when it returns.
Result<void> write_private_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace gatehouse::app
