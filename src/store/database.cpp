#include "store/database.h"

#include <fmt/format.h>

#include <stdexcept>

namespace gatehouse::store {

namespace {

const char* type_name(const Value& value) {
  static constexpr const char* names[] = {"null", "a number", "a real", "a text"};
  return names[value.index()];
}

template <class T>
const T& as(const std::vector<Value>& values, std::size_t column, const char* wanted) {
  if (column >= values.size()) throw std::logic_error(fmt::format("row: no column {} of {}", column, values.size()));
  const auto* value = std::get_if<T>(&values[column]);
  if (value == nullptr) {
    throw std::logic_error(fmt::format("row: column {} is {}, not {}", column, type_name(values[column]), wanted));
  }
  return *value;
}

}  // namespace

const std::string& Row::text(std::size_t column) const { return as<std::string>(values_, column, "a text"); }

std::int64_t Row::number(std::size_t column) const { return as<std::int64_t>(values_, column, "a number"); }

double Row::real(std::size_t column) const { return as<double>(values_, column, "a real"); }

bool Row::is_null(std::size_t column) const {
  if (column >= values_.size()) throw std::logic_error(fmt::format("row: no column {} of {}", column, values_.size()));
  return std::holds_alternative<std::nullptr_t>(values_[column]);
}

std::optional<std::string> Row::maybe_text(std::size_t column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

std::optional<std::int64_t> Row::maybe_number(std::size_t column) const {
  return is_null(column) ? std::nullopt : std::optional(number(column));
}

std::optional<Timestamp> Row::maybe_time(std::size_t column) const {
  return is_null(column) ? std::nullopt : std::optional(time(column));
}

Statement Statement::expect(std::int64_t rows, Error otherwise) && {
  expected.emplace(rows, std::move(otherwise));
  return std::move(*this);
}

Task<std::int64_t> sweep(Database& database, Sweep what, Timestamp now, int batch) {
  if (batch < 1 || what.key.empty()) co_return failure(Fault::internal, "sweep: needs a batch of rows and a key");
  const auto key = fmt::format("{}", fmt::join(what.key, ", "));
  const auto sql = fmt::format("delete from {0} where ({1}) in (select {1} from {0} where {2} <= $1 limit $2)", what.table,
                               key, what.expiry_column);
  std::int64_t gone = 0;
  for (;;) {
    std::vector<Param> params{now, batch};
    Unit unit;
    unit.emplace_back(sql, std::move(params));
    GH_CO_TRY(auto done, co_await database.write(std::move(unit)));
    gone += done.front().affected;
    if (done.front().affected < batch) co_return gone;
  }
}

}  // namespace gatehouse::store
