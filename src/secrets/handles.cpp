#include "secrets/handles.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "secrets/handles_store.h"

namespace gatehouse::secrets {
namespace {

std::string hash_of(std::string_view handle) { return base64url_encode(crypto::sha256(handle)); }

// As redact() of core/log.h looks for it.
bool is_prefix(std::string_view text) { return text.size() == 4 && text.starts_with("gh") && is_alpha(text[2]) && text[3] == '_'; }

// What cannot be a handle of this kind does not reach the store.
Result<HandleKey> key_of(OrgId org, const HandleKind& kind, const Secret& handle) {
  const auto text = handle.reveal();
  const auto random = text.substr(std::min(kind.prefix.size(), text.size()));
  const auto bytes = random.size() < 2 * kHandleBytes ? base64url_decode(random) : failure(Fault::invalid, "");
  if (!text.starts_with(kind.prefix) || !bytes || bytes->size() != kHandleBytes) return failure(Fault::missing, "handle: not known");
  return HandleKey{std::move(org), std::string(kind.name), hash_of(text)};
}

Result<void> check_usable(const HandleRow& row, Timestamp now) {
  if (row.spent) return failure(Fault::conflict, "handle: was used already");
  if (row.expires <= now) return failure(Fault::invalid, "handle: has expired");
  return {};
}

}  // namespace

Result<IssuedHandle> Handles::issue_statement(OrgId org, HandleKind kind, const json::value& data, std::optional<Seconds> ttl) {
  const auto lifetime = ttl.value_or(kind.ttl);
  if (!is_prefix(kind.prefix) || kind.name.empty() || lifetime <= Seconds(0))
    return failure(Fault::internal, "handle: this kind is not defined rightly");
  const auto text = to_text(data);
  if (text.size() > kHandleDataMax) return failure(Fault::limited, "handle: its data is larger than 64 KiB");
  Secret handle(std::string(kind.prefix) + random_token(needs_.random, kHandleBytes));
  const auto now = needs_.clock.now();
  const HandleKey key{std::move(org), std::string(kind.name), hash_of(handle.reveal())};
  auto insert = insert_handle(key, text, now, now + lifetime);
  return IssuedHandle{std::move(handle), std::move(insert)};
}

Result<store::Statement> Handles::spend_statement(OrgId org, HandleKind kind, const Secret& handle) {
  GH_TRY(const auto key, key_of(std::move(org), kind, handle));
  return spend_handle(key, needs_.clock.now()).expect(1, Error(Fault::conflict, "handle: was used already, or has expired"));
}

Result<store::Statement> Handles::remove_statement(OrgId org, HandleKind kind, const Secret& handle) {
  GH_TRY(const auto key, key_of(std::move(org), kind, handle));
  return delete_handle(key);
}

Task<Secret> Handles::issue(OrgId org, HandleKind kind, json::value data, std::optional<Seconds> ttl) {
  GH_CO_TRY(auto issued, issue_statement(org, kind, data, ttl));
  store::Unit unit;
  unit.push_back(std::move(issued.statement));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return std::move(issued.handle);
}

Task<json::value> Handles::peek(OrgId org, HandleKind kind, Secret handle) {
  GH_CO_TRY(auto key, key_of(org, kind, handle));
  GH_CO_TRY(const auto row, co_await select_handle(&needs_.database, std::move(key)));
  GH_CO_DO(check_usable(row, needs_.clock.now()));
  co_return parse_json(row.data);
}

Task<json::value> Handles::spend(OrgId org, HandleKind kind, Secret handle) {
  GH_CO_TRY(auto key, key_of(org, kind, handle));
  const auto now = needs_.clock.now();
  store::Unit unit;
  unit.push_back(spend_handle(key, now));
  GH_CO_TRY(const auto done, co_await needs_.database.write(std::move(unit)));
  if (!done.front().rows.empty()) co_return parse_json(done.front().rows.front().text(0));

  GH_CO_TRY(const auto row, co_await select_handle(&needs_.database, std::move(key)));
  GH_CO_DO(check_usable(row, now));
  co_return failure(Fault::conflict, "handle: was used already");
}

Task<json::value> Handles::data_of_spent(OrgId org, HandleKind kind, Secret handle) {
  GH_CO_TRY(auto key, key_of(org, kind, handle));
  GH_CO_TRY(const auto row, co_await select_handle(&needs_.database, std::move(key)));
  if (!row.spent) co_return failure(Fault::missing, "handle: was not used");
  co_return parse_json(row.data);
}

Task<bool> Handles::first_use(OrgId org, std::string kind, std::string name, Timestamp until) {
  store::Unit unit;
  unit.push_back(insert_spent(HandleKey{std::move(org), std::move(kind), hash_of(name)}, needs_.clock.now(), until));
  GH_CO_TRY(const auto done, co_await needs_.database.write(std::move(unit)));
  co_return done.front().affected == 1;
}

Task<void> Handles::remove(OrgId org, HandleKind kind, Secret handle) {
  auto statement = remove_statement(org, kind, handle);
  if (!statement) co_return Result<void>();
  store::Unit unit;
  unit.push_back(*std::move(statement));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

}  // namespace gatehouse::secrets
