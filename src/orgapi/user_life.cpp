// /api/v1/users/{userId}/lifecycle and /credentials: what happens to a user.
#include "core/random.h"
#include "core/text.h"
#include "orgapi/users_json.h"

namespace gatehouse::orgapi {
namespace {

constexpr std::size_t kTemporaryLength = 16;  // characters; 95 bits

net::Reply done() { return answer(json::object()); }

// How Okta says that a step cannot be taken from the user's status.
struct Refusal {
  std::string_view code, cause;
};

template <auto step>
Task<net::Reply> take(Org& org, const net::Call& call, Refusal refusal) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  auto taken = co_await (org.users.*step)(user.id, cause_of(call));
  if (!taken && taken.error().fault() == Fault::conflict && taken.error().code().empty())
    co_return std::unexpected(okta::error(refusal.code, std::string(refusal.cause)));
  if (!taken) co_return std::unexpected(std::move(taken.error()));
  co_return done();
}

using directory::Users;

Task<net::Reply> activate(Org& org, const net::Call& call) {
  const Refusal refusal{"E0000016", ""};
  co_return co_await take<&Users::activate>(org, call, refusal);
}
Task<net::Reply> deactivate(Org& org, const net::Call& call) {
  const Refusal refusal{"E0000038", ""};
  co_return co_await take<&Users::deactivate>(org, call, refusal);
}
Task<net::Reply> suspend(Org& org, const net::Call& call) {
  const Refusal refusal{"E0000001", "suspendUser: Cannot suspend a user that is not active"};
  co_return co_await take<&Users::suspend>(org, call, refusal);
}
Task<net::Reply> unsuspend(Org& org, const net::Call& call) {
  const Refusal refusal{"E0000001", "unsuspendUser: Cannot unsuspend a user that is not suspended"};
  co_return co_await take<&Users::unsuspend>(org, call, refusal);
}
Task<net::Reply> unlock(Org& org, const net::Call& call) {
  const Refusal refusal{"E0000032", "The user is not locked out."};
  co_return co_await take<&Users::unlock>(org, call, refusal);
}

Task<net::Reply> expire_with_temporary(Org& org, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  if (user.status != directory::Status::active && user.status != directory::Status::password_expired)
    co_return std::unexpected(okta::error("E0000038"));
  const Secret temporary(random_text(org.random, kTemporaryLength));
  GH_CO_DO(co_await org.users.set_password(user.id, temporary, cause_of(call)));
  GH_CO_DO(co_await org.users.expire_password(user.id, cause_of(call)));
  json::object shown = {{"tempPassword", temporary.reveal()}};  // the one time that anybody sees it
  co_return answer(std::move(shown));
}

Task<net::Reply> expire_password(Org& org, const net::Call& call) {
  if (is_true(call, "tempPassword", false)) co_return co_await expire_with_temporary(org, call);
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  GH_CO_TRY(auto expired, okta::named(co_await org.users.expire_password(user.id, cause_of(call)), Fault::conflict, "E0000038"));
  co_return answer(shape(expired, org, call.request, Links::by_status));
}

struct ChangePassword {
  Secret old_one, new_one;
  static Result<ChangePassword> read(Reader in) {
    auto old_one = in.object("oldPassword");
    auto new_one = in.object("newPassword");
    auto old_value = old_one.required<std::string>("value");
    auto new_value = new_one.required<std::string>("value");
    in.ignore("revokeSessions");
    GH_DO(in.done());
    return ChangePassword{Secret(*std::move(old_value)), Secret(*std::move(new_value))};
  }
};

Task<net::Reply> change_password(Org& org, const net::Call& call, ChangePassword ask) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  auto changed = co_await org.users.change_password(user.id, std::move(ask.old_one), std::move(ask.new_one), cause_of(call));
  changed = okta::named(std::move(changed), Fault::denied, "E0000014", "oldPassword: Old Password is not correct");
  changed = okta::named(std::move(changed), Fault::invalid, "E0000080");
  changed = okta::named(std::move(changed), Fault::conflict, "E0000035");
  if (!changed) co_return std::unexpected(std::move(changed.error()));
  json::object credentials = {{"password", json::object()}, {"provider", provider_json()}};
  co_return answer(std::move(credentials));
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<activate>(Method::post, "/api/v1/users/{userId}/lifecycle/activate", "okta.users.manage"),
    net::on<deactivate>(Method::post, "/api/v1/users/{userId}/lifecycle/deactivate", "okta.users.manage"),
    net::on<suspend>(Method::post, "/api/v1/users/{userId}/lifecycle/suspend", "okta.users.manage"),
    net::on<unsuspend>(Method::post, "/api/v1/users/{userId}/lifecycle/unsuspend", "okta.users.manage"),
    net::on<unlock>(Method::post, "/api/v1/users/{userId}/lifecycle/unlock", "okta.users.manage"),
    net::on<expire_password>(Method::post, "/api/v1/users/{userId}/lifecycle/expire_password", "okta.users.manage"),
    net::on<expire_with_temporary>(Method::post, "/api/v1/users/{userId}/lifecycle/expire_password_with_temp_password",
                                   "okta.users.manage"),
    net::on<change_password>(Method::post, "/api/v1/users/{userId}/credentials/change_password", "okta.users.manage"),
};

}  // namespace

Rows user_life_rows() { return kRows; }

}  // namespace gatehouse::orgapi
