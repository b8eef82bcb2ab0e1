// One look for every page of the org, and the headers that keep a page harmless: no script, no foreign resource, no frame.
// Knows nothing of sign-ins; pages.h does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/endpoint.h"
#include "signin/html.h"

namespace gatehouse::signin {

struct Page {
  int status = 200;
  std::string title;
  Html head, body;
  // Besides 'self': where forms of this page may end up. Browsers apply form-action to every redirect after a POST; see
  // after_form() for what that means.
  std::vector<std::string> form_targets;
  enum class Forms { limited, anywhere } forms = Forms::limited;   // anywhere: a page that posts to a client, by its wish
  std::string framed_by;            // the one origin that may frame this page; empty: none
  std::optional<Markup> script;     // one literal script, allowed by its hash; every page works without it
};
net::Reply render(const Page& page);

// The answer to a POST from one of our pages that sends the browser on, perhaps out of the org and further than we know.
// Chromium checks form-action against each hop of that chain and stops in silence. A browser (Sec-Fetch-Mode: navigate)
// therefore gets a page that goes on by itself: a new journey, no form's. Others get a plain 303.
net::Reply after_form(const net::Request& request, std::string location);

// A page that says what went wrong and what to do; never a trail.
net::Reply error_page(const Error& error, std::string_view request_id);
int page_status(Fault fault);

// How rows that answer with pages speak: nobody is authenticated here (each page looks at its own cookie), errors are pages.
class PageStyle final : public net::Style {
 public:
  Task<net::Principal> authenticate(const net::Request& request) override;
  net::Reply shape(const Error& error, const net::Request& request) override;
  void decorate(net::Reply& reply, const net::Request& request, const net::Principal& who) override;
  Result<void> admit(const net::Request& request, const net::Principal& who) override;
};

}  // namespace gatehouse::signin
