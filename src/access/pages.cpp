#include "access/pages.h"

#include "core/text.h"

namespace gatehouse::access {

namespace {

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark;--accent:#2456c8}@media(prefers-color-scheme:dark){:root{--accent:#8fb2ff}}"
    "body{font:16px/1.6 system-ui,sans-serif;max-width:30rem;margin:14vh auto;padding:0 1.25rem}"
    "h1{font-size:1.5rem;line-height:1.25}a{color:var(--accent)}"
    "button,.button{display:inline-block;font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:var(--accent);"
    "color:Canvas;text-decoration:none;cursor:pointer}";

net::Reply page(int status, std::string_view title, const std::string& body) {
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                     "content=\"width=device-width,initial-scale=1\"><title>";
  html.append(html_escape(title)).append("</title><style>").append(kStyle).append("</style></head><body><main><h1>");
  html.append(html_escape(title)).append("</h1>").append(body).append("</main></body></html>");
  return net::Reply::html(status, std::move(html));
}

}  // namespace

net::Reply signed_out_page() {
  return page(200, "You are signed out", "<p>You can close this window.</p><p><a class=\"button\" href=\"/\">Sign in again</a></p>");
}

net::Reply confirm_sign_out_page(std::string_view token) {
  return page(200, "Sign out?",
              "<p>Another site sent you here. Do you want to sign out?</p><form method=\"post\" action=\"/.gatehouse/sign-out\">"
              "<input type=\"hidden\" name=\"token\" value=\"" + html_escape(token) + "\"><button>Sign out</button></form>"
              "<p><a href=\"/\">Stay signed in</a></p>");
}

net::Reply sign_in_problem_page(int status, std::string_view title, std::string_view advice, std::string_view return_path) {
  return page(status, title,
              "<p>" + html_escape(advice) + "</p><p><a class=\"button\" href=\"/.gatehouse/sign-in?to=" + percent_encode(return_path) + "\">Try again</a></p>");
}

}  // namespace gatehouse::access
