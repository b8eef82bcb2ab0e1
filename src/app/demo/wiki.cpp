#include "app/demo/wiki.h"

#include <algorithm>

#include "core/text.h"
#include "net/form.h"

namespace gatehouse::app::demo {

namespace {

using net::Reply;
using net::Request;

constexpr std::size_t kNameMax = 60;

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark;--paper:#fffdf7;--ink:#26231d;--line:#d9d2c0;--accent:#8a3b12;--soft:#f3eddd}"
    "@media(prefers-color-scheme:dark){:root{--paper:#1d1b18;--ink:#e9e3d6;--line:#3d382f;--accent:#f0a36b;--soft:#29261f}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 Georgia,'Times New Roman',serif}"
    "header{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline;padding:1rem 1.25rem;border-bottom:3px double var(--line)}"
    "header b{font-size:1.25rem}header .who{margin-left:auto}a{color:var(--accent)}"
    ".columns{display:flex;flex-wrap:wrap;gap:2rem;max-width:64rem;margin:0 auto;padding:1.25rem}"
    "nav{flex:0 0 11rem}nav ul{list-style:none;padding:0;margin:0}main{flex:1 1 20rem;min-width:0}"
    "h1{margin-top:0;line-height:1.2}pre.text{white-space:pre-wrap;font:inherit}textarea{width:100%;min-height:9rem;font:15px/1.5 ui-monospace,monospace;"
    "padding:.6rem;background:var(--soft);color:inherit;border:1px solid var(--line);border-radius:.3rem}"
    "button{font:inherit;padding:.45rem 1.1rem;margin-top:.5rem;border:1px solid var(--accent);border-radius:.3rem;background:transparent;color:var(--accent);cursor:pointer}"
    ".card{background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:1rem 1.25rem;margin-bottom:1.25rem}"
    "table{border-collapse:collapse;width:100%;font:14px/1.45 ui-monospace,monospace}td{border-top:1px solid var(--line);padding:.25rem .5rem;vertical-align:top;overflow-wrap:anywhere}"
    "small{opacity:.75}details{margin-top:1.5rem}";

std::string header_of(const Request& request, std::string_view name) { return std::string(request.fields.only(name).value_or("")); }

std::string user_of(const Request& request) { return header_of(request, "X-Remote-User"); }

bool is_page_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-'; });
}

std::string header_rows(const Request& request) {
  std::string rows;
  for (const auto& field : request.fields.all())
    rows += "<tr><td>" + html_escape(field.name) + "</td><td>" + html_escape(field.value) + "</td></tr>";
  return rows;
}

Reply frame(int status, const Request& request, std::string_view title, std::string_view nav, std::string_view body) {
  const auto user = user_of(request);
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>";
  html.append(html_escape(title)).append(" · Old Wiki</title><style>").append(kStyle).append("</style></head><body><header><b>Old Wiki</b><small>since 2004</small><span class=\"who\">");
  if (user.empty()) html.append("Nobody is signed in");
  else html.append("You are <b id=\"user\">").append(html_escape(user)).append("</b> · <a href=\"/.gatehouse/sign-out\">Sign out</a>");
  html.append("</span></header><div class=\"columns\"><nav><ul>").append(nav).append("</ul></nav><main>").append(body).append("</main></div></body></html>");
  return Reply::html(status, std::move(html));
}

std::string welcome_card(const Request& request) {
  const auto user = user_of(request), mail = header_of(request, "X-Remote-Email"), groups = header_of(request, "X-Remote-Groups");
  std::string card = "<section class=\"card\"><h2>You are " + html_escape(user.empty() ? "nobody" : user) + "</h2>";
  if (const auto name = header_of(request, "X-Remote-Name"); !name.empty()) card += "<p>Name: <span id=\"name\">" + html_escape(name) + "</span></p>";
  if (!mail.empty()) card += "<p>E-mail: <span id=\"email\">" + html_escape(mail) + "</span></p>";
  if (!groups.empty()) card += "<p>Groups: <span id=\"groups\">" + html_escape(groups) + "</span></p>";
  card += "<p><small>This wiki has no idea how you signed in. It reads the headers that the gateway in front of it set.</small></p>"
          "<details><summary>Every header that I was sent</summary><table>" + header_rows(request) + "</table></details></section>";
  return card;
}

}  // namespace

Wiki::Wiki(const Clock& clock) : clock_(clock) {
  const auto now = clock.now();
  pages_["Home"] = Page{"Welcome to the Old Wiki.\n\nIt was written in 2004 and nobody dares to touch its code. It knows its users by a header.\n\n"
                        "Change this page below: your name will stand under it.", "the founders", now};
  pages_["Lunch"] = Page{"Monday: soup\nTuesday: pasta\nWednesday: whatever is left\nThursday: curry\nFriday: fish", "the kitchen", now};
  pages_["Onboarding"] = Page{"1. Get a laptop.\n2. Sign in once. Single sign-on does the rest.\n3. Read Lunch.", "people team", now};
}

std::string Wiki::page_list() const {
  std::string list;
  for (const auto& [name, page] : pages_) list += "<li><a href=\"/pages/" + name + "\">" + html_escape(name) + "</a></li>";
  return list + "<li><a href=\"/me\">Who am I?</a></li>";
}

Reply Wiki::show(const Request& request, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = pages_.find(name);
  const bool known = found != pages_.end();
  std::string body = name == "Home" ? welcome_card(request) : "";
  body += "<h1>" + html_escape(name) + "</h1>";
  if (known) {
    body += "<pre class=\"text\">" + html_escape(found->second.text) + "</pre><p><small>Last changed by " + html_escape(found->second.author) + ", " +
            to_http_date(found->second.changed) + "</small></p>";
  } else {
    body += "<p>There is no such page yet. Write it:</p>";
  }
  body += "<details" + std::string(known ? "" : " open") + "><summary>Edit</summary><form method=\"post\" action=\"/pages/" + name +
          "\"><textarea name=\"text\" aria-label=\"Text of the page\">" + (known ? html_escape(found->second.text) : "") + "</textarea><button>Save</button></form></details>";
  return frame(known ? 200 : 404, request, name, page_list(), body);
}

Reply Wiki::show_me(const Request& request) const {
  const std::lock_guard lock(mutex_);
  return frame(200, request, "Who am I?", page_list(), welcome_card(request));
}

Task<Reply> Wiki::save(net::Exchange& exchange, std::string name) {
  const auto author = user_of(exchange.request());
  if (author.empty()) co_return Reply::text(403, "Only known users may edit.\n");
  GH_CO_TRY(auto body, co_await exchange.read_all(4 * kWikiTextMax));
  GH_CO_TRY(auto form, net::Form::parse(body));
  auto text = form.get("text").value_or("");
  if (text.size() > kWikiTextMax) co_return failure(Fault::limited, "the page is too long");
  {
    const std::lock_guard lock(mutex_);
    if (!pages_.contains(name) && pages_.size() >= kWikiPagesMax) co_return failure(Fault::limited, "the wiki is full");
    pages_[name] = Page{std::move(text), author, clock_.now()};
  }
  co_return Reply::redirect("/pages/" + name);
}

boost::asio::awaitable<void> Wiki::handle(net::Exchange& exchange) {
  const auto& request = exchange.request();
  const bool reads = request.method == net::Method::get || request.method == net::Method::head;
  const std::string name = request.path == "/" ? "Home" : request.path.starts_with("/pages/") ? request.path.substr(7) : "";
  Reply reply = Reply::text(404, "Not found\n");
  if (request.path == "/me" && reads) {
    reply = show_me(request);
  } else if (is_page_name(name) && reads) {
    reply = show(request, name);
  } else if (is_page_name(name) && request.method == net::Method::post) {
    auto saved = co_await save(exchange, name);
    reply = saved ? *std::move(saved) : Reply::text(saved.error().fault() == Fault::limited ? 413 : 400, saved.error().message() + "\n");
  } else if (is_page_name(name)) {
    reply = Reply::text(405, "Method not allowed\n").with("Allow", "GET, HEAD, POST");
  }
  (void)co_await exchange.reply(std::move(reply));
}

}  // namespace gatehouse::app::demo
