// Forms: values are text, limits hold, and writing what was read and reading it again gives the same.
#include <cstdlib>

#include "core/text.h"
#include "net/form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  const auto form = net::Form::parse({reinterpret_cast<const char*>(data), size});
  if (!form) return 0;
  if (form->fields().size() > net::kFormFieldsMax) std::abort();
  for (const auto& [name, value] : form->fields())
    if (!is_utf8(name) || !is_utf8(value)) std::abort();
  const auto again = net::Form::parse(form->encode());
  // "=" alone has an empty name and value, and is written as "=": nothing is lost.
  if (!again || again->fields() != form->fields()) std::abort();
  return 0;
}
