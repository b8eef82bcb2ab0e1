#include "idp/authorize_answer.h"

#include "oauth/redirect_uri.h"
#include "signin/page.h"

namespace gatehouse::idp {
namespace {

constexpr signin::Markup kSubmit("document.forms[0].submit()");

net::Reply post_page(const Target& target, const net::Form& parameters) {
  signin::Html fields;
  for (const auto& [name, value] : parameters.fields())
    fields += signin::Html::of("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", {name, value});
  signin::Page page;
  page.title = "Continue";
  page.forms = signin::Page::Forms::anywhere;   // a registered address, and wherever it leads from there
  page.script = kSubmit;
  page.body = signin::Html::of(
      "<main id=\"form-post\"><h1>Continue to {}</h1>\n<form method=\"post\" action=\"{}\">\n{}<button type=\"submit\">Continue</button>\n</form></main>\n",
      {target.app.label, target.redirect_uri, fields});
  return signin::render(page);
}

}  // namespace

net::Reply answer(const Target& target, net::Form parameters) {
  if (!target.state.empty()) parameters.add("state", target.state);
  // A client that talks to several servers sees by it which one has answered (mix-up, RFC 9700 §4.4).
  parameters.add("iss", target.issuer);
  if (target.mode == ResponseMode::form_post) return post_page(target, parameters);
  const bool fragment = target.mode == ResponseMode::fragment;
  auto location = fragment ? oauth::with_fragment(target.redirect_uri, parameters) : oauth::with_query(target.redirect_uri, parameters);
  auto reply = net::Reply::redirect(std::move(location), 302);
  // The answer holds a code: no cache keeps it, no page behind it learns it.
  reply.with("Cache-Control", "no-store").with("Referrer-Policy", "no-referrer");
  return reply;
}

net::Reply answer_error(const Target& target, const Error& error) {
  net::Form parameters;
  parameters.add("error", std::string(oauth::name_of(oauth::code_of(error))));
  parameters.add("error_description", oauth::description_of(error));
  return answer(target, std::move(parameters));
}

}  // namespace gatehouse::idp
