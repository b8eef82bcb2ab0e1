// Convert.*, Iso3166Convert.* and their methods.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "core/text.h"
#include "expr/country.h"
#include "expr/function.h"

namespace gatehouse::expr {
namespace {

constexpr std::size_t kNumberMax = 400;  // characters of a number as text

Result<double> number_of(Call& call) {
  if (call.arguments[0].is_number()) return call.arguments[0].number();
  const auto* string = call.arguments[0].as<std::string>();
  if (string == nullptr) return failure(Fault::invalid, fmt::format("needs a number or a string with one, and got {}", type_of(call.arguments[0])));
  auto digits = trim(*string);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() > kNumberMax || read.ec != std::errc() || read.ptr != digits.data() + digits.size() || !std::isfinite(number))
    return failure(Fault::invalid, "the text is not a number");
  return number;
}

// Rounds to the nearest, half up, and keeps 32 bits: Okta documents both, '-2147483649' is 2147483647.
Result<Value> to_int(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto number, number_of(call));
  const auto rounded = std::floor(number + 0.5);
  if (std::abs(rounded) > 9e18) return failure(Fault::invalid, "the number is too large for an integer");
  return integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(rounded))));
}

Result<Value> to_num(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto number, number_of(call));
  return Value{number};
}

// A country or what names one; nullptr if nothing does.
Result<const Country*> country_of(Call& call) {
  if (call.is_null(0)) return nullptr;
  if (const auto* land = call.arguments[0].as<Land>()) return land->country;
  GH_TRY(const auto text, call.text(0));
  GH_DO(call.meter.step(countries().size()));
  return find_country(text);
}

Result<Value> parse_country(Call& call) {
  GH_TRY(const auto* country, country_of(call));
  return country == nullptr ? null() : Value{Land{country}};
}

Result<Value> alpha2(Call& call) {
  GH_TRY(const auto* country, country_of(call));
  return country == nullptr ? null() : Value{std::string(country->alpha2)};
}

Result<Value> alpha3(Call& call) {
  GH_TRY(const auto* country, country_of(call));
  return country == nullptr ? null() : Value{std::string(country->alpha3)};
}

Result<Value> numeric(Call& call) {
  GH_TRY(const auto* country, country_of(call));
  return country == nullptr ? null() : Value{numeric_text(*country)};
}

Result<Value> name(Call& call) {
  GH_TRY(const auto* country, country_of(call));
  return country == nullptr ? null() : Value{std::string(country->name)};
}

constexpr Function kRows[] = {
    {"Convert.toInt", Place::function, Family::convert, 1, 1, to_int, "Convert.toInt(text or number)"},
    {"Convert.toNum", Place::function, Family::convert, 1, 1, to_num, "Convert.toNum(text)"},
    {"toInteger", Place::method, Family::convert, 0, 0, to_int, "text.toInteger()"},
    {"toNumber", Place::method, Family::convert, 0, 0, to_num, "text.toNumber()"},

    {"Iso3166Convert.toAlpha2", Place::function, Family::country, 1, 1, alpha2, "Iso3166Convert.toAlpha2(code)"},
    {"Iso3166Convert.toAlpha3", Place::function, Family::country, 1, 1, alpha3, "Iso3166Convert.toAlpha3(code)"},
    {"Iso3166Convert.toNumeric", Place::function, Family::country, 1, 1, numeric, "Iso3166Convert.toNumeric(code)"},
    {"Iso3166Convert.toName", Place::function, Family::country, 1, 1, name, "Iso3166Convert.toName(code)"},
    {"parseCountryCode", Place::method, Family::country, 0, 0, parse_country, "text.parseCountryCode()"},
    {"toAlpha2", Place::method, Family::country, 0, 0, alpha2, "country.toAlpha2()"},
    {"toAlpha3", Place::method, Family::country, 0, 0, alpha3, "country.toAlpha3()"},
    {"toNumeric", Place::method, Family::country, 0, 0, numeric, "country.toNumeric()"},
    {"toName", Place::method, Family::country, 0, 0, name, "country.toName()"},
};

}  // namespace

std::span<const Function> convert_functions() { return kRows; }

}  // namespace gatehouse::expr
