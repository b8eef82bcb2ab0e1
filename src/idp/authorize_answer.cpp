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

// The answer is data, and the script the same for everybody: nothing that a client sends becomes part of it.
constexpr signin::Markup kPost(
    "(function(){var d=document.getElementById('answer').dataset;"
    "(window.opener||window.parent).postMessage(JSON.parse(d.values),d.origin);})()");

net::Reply message_page(const Target& target, const net::Form& parameters) {
  json::object values;
  for (const auto& [name, value] : parameters.fields()) values[name] = value;
  const auto origin = oauth::csp_source_of(target.redirect_uri);
  signin::Page page;
  page.title = "Continue";
  page.framed_by = origin;
  page.script = kPost;
  page.body = signin::Html::of("<main id=\"answer\" data-origin=\"{}\" data-values=\"{}\"><h1>Continue in {}</h1>\n<p>You can close this window.</p></main>\n",
                               {origin, to_text(values), target.app.label});
  return signin::render(page);
}

// JWT Secured Authorization Response Mode (JARM) §4.1.
Task<net::Form> signed_form(Provider& provider, Server server, Target target, net::Form parameters) {
  json::object claims;
  for (const auto& [name, value] : parameters.fields()) claims[name] = value;
  claims["aud"] = target.app.client_id;
  claims["exp"] = to_seconds(provider.needs().clock.now() + kSignedAnswerLife);
  GH_CO_TRY(auto response, co_await provider.keys().sign(server.alg, std::move(claims)));
  net::Form form;
  form.add("response", std::move(response));
  co_return form;
}

net::Reply redirect(std::string location) {
  auto reply = net::Reply::redirect(std::move(location), 302);
  // The answer holds a code or a token: no cache keeps it, no page behind it learns it.
  reply.with("Cache-Control", "no-store").with("Referrer-Policy", "no-referrer");
  return reply;
}

}  // namespace

Task<net::Reply> answer(Provider& provider, Server server, Target target, net::Form parameters) {
  if (!target.state.empty()) parameters.add("state", target.state);
  // A client that talks to several servers sees by it which one has answered (mix-up, RFC 9700 §4.4).
  parameters.add("iss", target.issuer);
  if (target.mode.jwt) {
    GH_CO_TRY(parameters, co_await signed_form(provider, std::move(server), target, std::move(parameters)));
  }
  switch (target.mode.by) {
    case ResponseMode::By::query: co_return redirect(oauth::with_query(target.redirect_uri, parameters));
    case ResponseMode::By::fragment: co_return redirect(oauth::with_fragment(target.redirect_uri, parameters));
    case ResponseMode::By::form_post: co_return post_page(target, parameters);
    case ResponseMode::By::post_message: co_return message_page(target, parameters);
  }
  co_return failure(Fault::internal, "response mode: none of those that are known");
}

Task<net::Reply> answer_error(Provider& provider, Server server, Target target, Error error) {
  net::Form parameters;
  parameters.add("error", std::string(oauth::name_of(oauth::code_of(error))));
  parameters.add("error_description", oauth::description_of(error));
  return answer(provider, std::move(server), std::move(target), std::move(parameters));
}

}  // namespace gatehouse::idp
