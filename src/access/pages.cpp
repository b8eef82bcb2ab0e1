#include "access/pages.h"

#include "core/text.h"

namespace gatehouse::access {

namespace {

// The look of the org's own sign-in pages (signin/page.cpp), as far as these few pages need it.
constexpr std::string_view kStyle =
    ":root{color-scheme:light dark;--ink:#1c2330;--paper:#fff;--back:#eef1f6;--line:#c9d0dc;--brand:#2b50d8;--on-brand:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e9edf5;--paper:#1a202c;--back:#10141c;--line:#3b4556;--brand:#8ea6ff;--on-brand:#0d1428}}"
    "*{box-sizing:border-box}html{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}"
    "body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:1.25rem}"
    "main{width:100%;max-width:25rem;background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:2rem}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}p{margin:.5rem 0}a{color:var(--brand)}"
    "button,.button{display:inline-block;width:100%;margin-top:1rem;font:inherit;font-weight:600;text-align:center;text-decoration:none;"
    "padding:.75rem 1rem;border:0;border-radius:9px;background:var(--brand);color:var(--on-brand);cursor:pointer}"
    ":focus-visible{outline:3px solid var(--brand);outline-offset:2px}"
    "@media(max-width:30rem){body{align-items:flex-start;padding:0}main{border:0;border-radius:0;min-height:100vh}}";

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
