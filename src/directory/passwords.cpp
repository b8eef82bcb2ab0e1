// Passwords of users: the part of Users that proves who somebody is.
#include <arpa/inet.h>

#include <cstring>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "directory/happened.h"
#include "directory/life.h"
#include "directory/profile.h"
#include "directory/user_store.h"
#include "directory/users.h"

namespace gatehouse::directory {
namespace {

Error refused() { return {Fault::unauthenticated, "sign-in: the user name or the password is wrong"}; }

// What failures are counted under: never the login itself, into which people type passwords by mistake.
std::string subject_of(std::string_view login) { return base64url_encode(crypto::sha256("sign-in:" + fold(login))); }

// Whoever has one IPv6 address has the /64 around it.
std::string network_of(const std::string& ip) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, ip.c_str(), &address) != 1) return ip.substr(0, INET6_ADDRSTRLEN);
  return hex_encode(std::string_view(reinterpret_cast<const char*>(address.s6_addr), 8));
}

}  // namespace

Task<std::string> Users::hash(Secret password) {
  Result<std::string> hashed = failure(Fault::internal, "password: not hashed");
  std::move_only_function<void()> job = [&] { hashed = crypto::hash_password(password, needs_.random, needs_.password_cost); };
  GH_CO_DO(co_await needs_.hashing.run(std::move(job)));
  co_return std::move(hashed);
}

// Burns the same time whether there is a hash or not.
Task<Users::Proof> Users::verify(std::optional<std::string> stored_hash, Secret password) {
  Result<bool> fits = false;
  std::move_only_function<void()> job = [&] {
    if (stored_hash && password.reveal().size() <= kNewPasswordMax) fits = crypto::verify_password(password, *stored_hash);
    else fits = crypto::verify_nobody(password, needs_.password_cost);
  };
  GH_CO_DO(co_await needs_.hashing.run(std::move(job)));
  if (!fits) co_return failure(Fault::internal, "password: the stored hash cannot be read: " + fits.error().message());
  co_return *fits ? Proof::fits : Proof::wrong;
}

Task<void> Users::begin_attempt(std::string login, std::string ip) {
  store::Unit unit;
  unit.push_back(count_attempt(org_, subject_of(login), network_of(ip), needs_.clock.now(),
                               Error(Fault::limited, "sign-in: too many attempts; wait a little and try again")));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<User> Users::keep_password(StoredUser stored, Secret password, Cause cause) {
  auto user = std::move(stored.user);
  GH_CO_DO(check_new_password(password, user.profile));
  const auto was = user.status;
  GH_CO_TRY(user.status, status_with_new_password(user.status));
  GH_CO_TRY(auto hashed, co_await hash(std::move(password)));
  const auto now = needs_.clock.now();
  user.updated = now;
  user.password_changed = now;
  if (user.status != was) user.status_changed = now;
  if (was == Status::provisioned) user.activated = now;

  store::Unit unit;
  unit.push_back(update_user(org_, user));
  unit.push_back(update_hash(org_, user.id, hashed));
  unit.push_back(needs_.log.statement(
      org_, happened("user.account.update_password", "User update password for Okta", cause, user)));
  GH_CO_TRY(auto done, co_await needs_.write(std::move(unit)));
  co_return user_from(done.front().rows.front());
}

Task<User> Users::set_password(UserId id, Secret password, Cause cause) {
  GH_CO_TRY(auto stored, co_await select_user(needs_.database, org_, std::move(id)));
  if (!stored) co_return failure(Fault::missing, "user: not found");
  co_return co_await keep_password(*std::move(stored), std::move(password), std::move(cause));
}

Task<User> Users::change_password(UserId id, Secret old, Secret password, Cause cause) {
  GH_CO_TRY(auto stored, co_await select_user(needs_.database, org_, std::move(id)));
  if (!stored) co_return failure(Fault::missing, "user: not found");
  const auto login = stored->user.profile.login;
  const auto ip = cause.origin.ip;
  GH_CO_DO(co_await begin_attempt(login, ip));
  GH_CO_TRY(const auto proof, co_await verify(stored->password_hash, std::move(old)));
  if (proof == Proof::wrong) co_return failure(Fault::denied, "oldPassword: the old password is not correct");

  store::Unit forget;
  forget.push_back(forget_attempts(org_, subject_of(login), network_of(ip)));
  GH_CO_DO(co_await needs_.write(std::move(forget)));
  co_return co_await keep_password(*std::move(stored), std::move(password), std::move(cause));
}

Task<User> Users::check_password(std::string login, Secret password, events::Origin origin) {
  GH_CO_DO(co_await begin_attempt(login, origin.ip));
  GH_CO_TRY(auto found, co_await select_user_by_login(needs_.database, org_, login));
  auto stored_hash = found ? found->password_hash : std::nullopt;
  GH_CO_TRY(const auto proof, co_await verify(stored_hash, password));

  events::Event event;
  event.origin = origin;
  event.actor = found ? party_of(found->user) : events::Party{"unknown", "User", login, "unknown"};
  if (proof == Proof::wrong || !may_act(found->user.status)) {
    event.type = "user.session.start";
    event.message = "User login to Okta";
    event.outcome = events::Outcome::failure;
    event.reason = found ? "INVALID_CREDENTIALS" : "VERIFICATION_ERROR";
    GH_CO_DO(co_await needs_.log.record(org_, std::move(event)));
    co_return std::unexpected(refused());
  }

  auto user = std::move(found->user);
  user.last_login = needs_.clock.now();
  event.type = "user.authentication.verify";
  event.message = "Verify user identity";
  store::Unit unit;
  // The user may have been suspended, or the password changed, while the hash was computed.
  unit.push_back(stamp_sign_in(org_, user.id, *stored_hash, *user.last_login, refused()));
  unit.push_back(forget_attempts(org_, subject_of(login), network_of(origin.ip)));
  if (crypto::needs_rehash(*stored_hash, needs_.password_cost)) {
    GH_CO_TRY(auto rehashed, co_await hash(std::move(password)));
    unit.push_back(replace_hash(org_, user.id, *stored_hash, rehashed));
  }
  unit.push_back(needs_.log.statement(org_, event));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return user;
}

}  // namespace gatehouse::directory
