// What a profile and a password must look like. Pure; every fault is named "attribute: what is wrong", joined by "; ".
#pragma once

#include "directory/types.h"

namespace gatehouse::directory {

inline constexpr std::size_t kLoginMax = 100, kNameMax = 50, kAttributeMax = 1024;  // characters; bytes for the last

// Upper and lower case are one in logins and e-mail addresses. ASCII only: the domain decides nothing beyond it.
std::string fold(std::string_view text);
bool is_profile_attribute(std::string_view name);   // of Okta's default user profile
Result<void> check_profile(const Profile& profile);
Result<void> check_new_password(const Secret& password, const Profile& profile);

}  // namespace gatehouse::directory
