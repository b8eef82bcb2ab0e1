// Values to and from PostgreSQL's text form.
#pragma once

#include <string>
#include <string_view>

#include "store/database.h"

namespace gatehouse::store {

// Not for null, which has no text.
std::string to_postgres(const Value& value);
// By the column's type: int2, int4, int8 and bool are numbers, float4 and float8 reals, numeric (sum() of bigint, avg())
// a number when it is whole; everything else is text.
Value from_postgres(unsigned type_oid, std::string_view text);

}  // namespace gatehouse::store
