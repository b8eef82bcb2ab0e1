// What people see of signing in, as pure functions of what is to be shown.
#pragma once

#include "directory/apps.h"
#include "signin/page.h"
#include "signin/transactions.h"

namespace gatehouse::signin {

struct PasswordView {
  std::string action, token;        // where the form goes, and the token that ties it to this browser
  std::string app_label, login;     // login: what was typed before, or the hint
  std::string form_target;
  std::string alert;                // empty: nothing went wrong yet
  int status = 200;
};
net::Reply password_page(const PasswordView& view);

struct ConsentView {
  std::string action, token, app_label, login, form_target;
  std::vector<std::string> scopes;
};
net::Reply consent_page(const ConsentView& view);

struct HomeView {
  directory::User user;
  std::vector<directory::App> apps;
  std::string token;                // for the sign-out form
};
net::Reply home_page(const HomeView& view);

struct SignOutView {
  std::string action, token, login;
  std::vector<std::pair<std::string, std::string>> fields;   // hidden, to be sent back as they are
  std::string form_target;
};
net::Reply sign_out_page(const SignOutView& view);
net::Reply signed_out_page();

// What a scope means, in words for the one who is asked.
std::string meaning_of_scope(std::string_view scope);

}  // namespace gatehouse::signin
