// A layer that looks at the head of an answer, whether it comes whole or in pieces.
#pragma once

#include "gateway/stage.h"

namespace gatehouse::gateway {

class AnswerLayer : public ExchangeLayer {
 public:
  using ExchangeLayer::ExchangeLayer;
  Task<void> reply(net::Reply reply) override {
    on_head(reply);
    return inner_.reply(std::move(reply));
  }
  Task<void> start(net::Reply head, std::optional<std::uint64_t> length) override {
    on_head(head);
    return inner_.start(std::move(head), length);
  }

 protected:
  virtual void on_head(net::Reply& head) = 0;
};

// Header fields of an answer on its way out. Names in any case.
void remove_header(net::Reply& head, std::string_view name);
void remove_headers_with_prefix(net::Reply& head, std::string_view prefix);
void set_header(net::Reply& head, std::string_view name, std::string_view value);   // instead of all of this name
const std::string* find_header(const net::Reply& head, std::string_view name);      // the first one
// Is the word (any case) in one of the comma-separated fields of this name?
bool has_header_word(const net::Reply& head, std::string_view name, std::string_view word);
// RFC 9110 §12.5.5: adds the name to Vary unless it, or '*', is there.
void add_vary(net::Reply& head, std::string_view name);

// What may be configured as a header of an answer: nothing that frames the message or belongs to one hop.
bool may_set_in_answer(std::string_view name);
// Likewise for what an upstream is sent: nothing that frames, routes or authenticates.
bool may_set_in_request(std::string_view name);

}  // namespace gatehouse::gateway
