#include "signin/page.h"

#include "core/bytes.h"
#include "crypto/hash.h"

namespace gatehouse::signin {
namespace {

constexpr Markup kCss(R"css(
:root{color-scheme:light dark;--ink:#1c2330;--soft:#5a6475;--paper:#fff;--back:#eef1f6;--line:#c9d0dc;--brand:#2b50d8;--on-brand:#fff;--bad:#a3162a;--bad-back:#fdecee}
@media (prefers-color-scheme:dark){:root{--ink:#e9edf5;--soft:#a5b0c3;--paper:#1a202c;--back:#10141c;--line:#3b4556;--brand:#8ea6ff;--on-brand:#0d1428;--bad:#ffb3bd;--bad-back:#3a1a20}}
*{box-sizing:border-box}
html{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--back)}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;padding:1.25rem}
main{width:100%;max-width:25rem;background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:2rem;box-shadow:0 10px 30px rgba(10,20,50,.08)}
main.wide{max-width:46rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.05rem;margin:2rem 0 .75rem}
p{margin:.5rem 0}
.mark{font-weight:700;letter-spacing:.02em;color:var(--soft);margin:0 0 1.25rem}
.mark svg{vertical-align:-.2em;margin-right:.4em}
.soft{color:var(--soft)}
.small{font-size:.875rem}
label{display:block;font-weight:600;margin:1.1rem 0 .35rem}
input[type=text],input[type=password]{width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:9px;padding:.7rem .8rem}
input[aria-invalid=true]{border-color:var(--bad)}
button,.button{display:inline-block;width:100%;margin-top:1.5rem;font:inherit;font-weight:600;text-align:center;text-decoration:none;color:var(--on-brand);background:var(--brand);border:1px solid var(--brand);border-radius:9px;padding:.75rem 1rem;cursor:pointer}
button:hover,.button:hover{filter:brightness(1.08)}
button.plain{color:inherit;background:transparent;border-color:var(--line)}
:focus-visible{outline:3px solid var(--brand);outline-offset:2px}
.alert{margin:1rem 0 0;padding:.7rem .9rem;border-radius:9px;color:var(--bad);background:var(--bad-back);border:1px solid currentColor}
.two{display:flex;gap:.75rem}
ul.scopes{padding-left:1.2rem;margin:1rem 0}
ul.tiles{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.9rem}
ul.tiles a,ul.tiles span.tile{display:flex;align-items:center;gap:.7rem;min-height:4.25rem;padding:.9rem;border:1px solid var(--line);border-radius:11px;color:inherit;text-decoration:none;font-weight:600;overflow-wrap:anywhere}
ul.tiles a:hover{border-color:var(--brand)}
.letter{flex:none;width:2.2rem;height:2.2rem;border-radius:8px;display:grid;place-items:center;background:var(--brand);color:var(--on-brand)}
header.bar{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;justify-content:space-between}
header.bar button{width:auto;margin:0}
header.bar p{margin:0}
@media (max-width:30rem){body{justify-content:flex-start;padding:0}main{border:0;border-radius:0;min-height:100vh;box-shadow:none;padding:1.5rem}}
@media (prefers-reduced-motion:no-preference){button,.button,ul.tiles a{transition:filter .15s,border-color .15s}}
)css");

constexpr Markup kFrame(R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{}<title>{}</title>
<style>{}</style>
</head>
<body>
{}
{}</body>
</html>
)html");

std::string source_hash(std::string_view text) { return "'sha256-" + base64_encode(crypto::sha256(text)) + "'"; }

// Keeps what would end a directive out of the header; sources come from registered URIs that were checked already.
bool is_source(std::string_view text) {
  return !text.empty() && text.find_first_of(" ;,'\r\n\t") == std::string_view::npos;
}

std::string policy_of(const Page& page) {
  static const std::string style = source_hash(kCss.view());
  std::string policy = "default-src 'none'; style-src " + style + "; base-uri 'none'; frame-ancestors " + (is_source(page.framed_by) ? page.framed_by : "'none'");
  if (page.forms == Page::Forms::limited) {
    policy += "; form-action 'self'";
    for (const auto& target : page.form_targets)
      if (is_source(target)) policy += " " + target;
  }
  if (page.script) policy += "; script-src " + source_hash(page.script->view());
  return policy;
}

std::string_view heading_of(Fault fault) {
  switch (fault) {
    case Fault::invalid: return "This request cannot be understood";
    case Fault::unauthenticated: return "Please sign in";
    case Fault::denied: return "This is not allowed";
    case Fault::missing: return "There is nothing here";
    case Fault::conflict: return "This has changed meanwhile";
    case Fault::limited: return "Too many attempts";
    case Fault::upstream: return "Something we need is not available";
    case Fault::internal: return "Something went wrong here";
  }
  return "Something went wrong here";
}

}  // namespace

net::Reply render(const Page& page) {
  Html script;
  if (page.script) script = Html::of("<script>{}</script>\n", {Html::of(*page.script)});
  const auto document = Html::of(kFrame, {page.head, page.title, Html::of(kCss), page.body, script});
  net::Reply reply;
  reply.status = page.status;
  reply.with("Content-Type", "text/html; charset=utf-8")
      .with("Cache-Control", "no-store")
      .with("Content-Security-Policy", policy_of(page))
      .with("X-Content-Type-Options", "nosniff")
      // Not no-referrer: browsers would send "Origin: null" with our own forms.
      .with("Referrer-Policy", "same-origin");
  // It knows no single origin: where one may frame the page, Content-Security-Policy says which.
  if (!is_source(page.framed_by)) reply.with("X-Frame-Options", "DENY");
  reply.body = document.str();
  return reply;
}

int page_status(Fault fault) {
  switch (fault) {
    case Fault::invalid: return 400;
    case Fault::unauthenticated: return 401;
    case Fault::denied: return 403;
    case Fault::missing: return 404;
    case Fault::conflict: return 409;
    case Fault::limited: return 429;
    case Fault::upstream: return 503;
    case Fault::internal: return 500;
  }
  return 500;
}

net::Reply after_form(const net::Request& request, std::string location) {
  if (request.fields.only(net::Header::sec_fetch_mode) != "navigate") {
    auto reply = net::Reply::redirect(std::move(location));
    reply.with("Cache-Control", "no-store");
    return reply;
  }
  Page page;
  page.title = "One moment";
  page.head = Html::of("<meta http-equiv=\"refresh\" content=\"0;url={}\">\n", {location});
  page.body = Html::of("<main id=\"onward\"><h1>One moment …</h1>\n<a class=\"button\" id=\"continue\" href=\"{}\">Continue</a></main>\n", {location});
  return render(page);
}

net::Reply error_page(const Error& error, std::string_view request_id) {
  const bool ours = error.code().empty() && (error.fault() == Fault::internal || error.fault() == Fault::upstream);
  const std::string message = ours ? "Please try again in a moment." : error.message();
  Html code;
  if (!error.code().empty()) code = Html::of("<p class=\"soft small\">Error: <code>{}</code></p>", {error.code()});
  Page page;
  // An error with a protocol's code is about a client's request, whoever is at the door.
  const auto fault = error.fault() == Fault::unauthenticated && !error.code().empty() ? Fault::invalid : error.fault();
  page.status = page_status(fault);
  page.title = std::string(heading_of(fault));
  page.body = Html::of(
      "<main id=\"error-page\"><h1>{}</h1>\n<p role=\"alert\" id=\"error-message\">{}</p>\n{}"
      "<p class=\"soft small\">If you ask for help, name this request: <code>{}</code></p>\n<a class=\"button\" href=\"/\">Go to the start page</a></main>\n",
      {page.title, message, code, std::string(request_id)});
  return render(page);
}

Task<net::Principal> PageStyle::authenticate(const net::Request&) { co_return net::Principal(); }

net::Reply PageStyle::shape(const Error& error, const net::Request& request) { return error_page(error, request.id); }

void PageStyle::decorate(net::Reply&, const net::Request&, const net::Principal&) {}

Result<void> PageStyle::admit(const net::Request&, const net::Principal&) { return {}; }

}  // namespace gatehouse::signin
