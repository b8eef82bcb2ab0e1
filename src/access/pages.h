// The few pages that people see between an application and its sign-in service. They work without JavaScript.
#pragma once

#include <string>
#include <string_view>

#include "net/message.h"

namespace gatehouse::access {

net::Reply signed_out_page();
net::Reply confirm_sign_out_page(std::string_view token);
// `advice` is plain text; a link begins the sign-in again for `return_path`.
net::Reply sign_in_problem_page(int status, std::string_view title, std::string_view advice, std::string_view return_path);

}  // namespace gatehouse::access
