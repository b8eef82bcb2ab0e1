// The tables of the whole room.
#include "directory/users.h"

namespace gatehouse::directory {

std::vector<store::Migration> migrations() {
  return {{"directory", 1,
           {"create table users (org_id text not null, id text not null, status text not null, login text not null, "
            "login_folded text not null, email text not null, email_folded text not null, first_name text not null, "
            "first_folded text not null, last_name text not null, last_folded text not null, more text not null, "
            "created bigint not null, updated bigint not null, activated bigint, status_changed bigint, last_login bigint, "
            "password_changed bigint, password_hash text, version bigint not null, primary key (org_id, id))",
            "create unique index users_by_login on users (org_id, login_folded)",
            "create index users_by_email on users (org_id, email_folded)",
            "create index users_by_update on users (org_id, updated)",

            "create table user_groups (org_id text not null, id text not null, name text not null, name_folded text not null, "
            "description text not null, built_in bigint not null, created bigint not null, updated bigint not null, "
            "membership_updated bigint not null, primary key (org_id, id))",
            "create unique index user_groups_by_name on user_groups (org_id, name)",
            "create table group_members (org_id text not null, group_id text not null, user_id text not null, "
            "added bigint not null, primary key (org_id, group_id, user_id))",
            "create index group_members_by_user on group_members (org_id, user_id)",

            "create table apps (org_id text not null, id text not null, label text not null, label_folded text not null, "
            "kind text not null, active bigint not null, client_id text not null, auth text not null, sign_on_mode text not null, "
            "settings text not null, secret_hash text, created bigint not null, updated bigint not null, version bigint not null, "
            "primary key (org_id, id))",
            "create unique index apps_by_client on apps (org_id, client_id)",
            "create table app_users (org_id text not null, app_id text not null, user_id text not null, "
            "added bigint not null, primary key (org_id, app_id, user_id))",
            "create index app_users_by_user on app_users (org_id, user_id)",
            "create table app_groups (org_id text not null, app_id text not null, group_id text not null, "
            "added bigint not null, primary key (org_id, app_id, group_id))",
            "create index app_groups_by_group on app_groups (org_id, group_id)",

            "create table api_tokens (org_id text not null, id text not null, name text not null, owner text not null, "
            "hash text not null, created bigint not null, updated bigint not null, expires bigint, primary key (org_id, id))",
            "create unique index api_tokens_by_hash on api_tokens (org_id, hash)",
            "create index api_tokens_by_expiry on api_tokens (expires)",
            "create table admins (org_id text not null, user_id text not null, granted bigint not null, "
            "primary key (org_id, user_id))",

            "create table sign_in_failures (org_id text not null, subject text not null, address text not null, "
            "failures bigint not null, next_try bigint not null, expires bigint not null, "
            "primary key (org_id, subject, address))",
            "create index sign_in_failures_by_expiry on sign_in_failures (expires)"}},
          {"directory", 2,
           {"alter table apps add column secrets text", "alter table apps add column self_managed bigint",
            "create index apps_self_managed on apps (org_id) where self_managed = 1"}}};
}

std::vector<store::Sweep> sweeps() {
  return {{"sign_in_failures", "expires", {"org_id", "subject", "address"}}, {"api_tokens", "expires", {"org_id", "id"}}};
}

}  // namespace gatehouse::directory
