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
  Html body;
  // Besides 'self': where forms of this page may end up. Browsers apply form-action to redirects after a POST too, so a
  // sign-in page names the place where the whole journey goes.
  std::vector<std::string> form_targets;
  std::optional<Markup> script;     // one literal script, allowed by its hash; every page works without it
};
net::Reply render(const Page& page);

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
