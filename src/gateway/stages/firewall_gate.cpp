#include "gateway/stages/firewall_gate.h"

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "gateway/stages/answer_layer.h"

namespace gatehouse::gateway {
namespace {

// Events must arrive when they are sent, and what is compressed cannot be read.
bool is_readable(const net::Reply& head) {
  const auto* coding = find_header(head, "Content-Encoding");
  if (coding != nullptr && !equal_ignoring_case(*coding, "identity")) return false;
  const auto* value = find_header(head, "Content-Type");
  if (value == nullptr) return false;
  const auto type = to_lower(trim(std::string_view(*value).substr(0, value->find(';'))));
  if (type == "text/event-stream") return false;
  return type.starts_with("text/") || type == "application/json" || type == "application/xml" ||
         type == "application/javascript" || type.ends_with("+json") || type.ends_with("+xml");
}

std::unexpected<Error> withheld() { return failure(Fault::denied, "the firewall withheld this answer"); }

class AnswerGate final : public ExchangeLayer {
 public:
  // What the client gets instead; nullopt: the answer itself.
  using Ask = std::function<Task<std::optional<net::Reply>>(InspectedAnswer answer)>;
  using Hold = std::function<bool(std::size_t bytes)>;  // false: too many are held
  // At most `most` bytes of an answer are held; what follows them is not inspected.
  AnswerGate(net::Exchange& below, std::size_t most, Ask ask, Hold hold);

  // Without Accept-Encoding: nobody below shall compress what is to be read here.
  const net::Request& request() const override { return request_; }
  Task<void> reply(net::Reply reply) override;
  Task<void> start(net::Reply head, std::optional<std::uint64_t> length) override;
  Task<void> send(std::string_view piece) override;
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override;
  bool started() const override { return head_.has_value() || inner_.started(); }

 private:
  Task<std::optional<net::Reply>> verdict(const net::Reply& head, std::string body);
  Task<void> release();

  net::Request request_;
  const std::size_t most_;
  const AskAnswer ask_;
  const HoldBytes hold_;
  std::optional<net::Reply> head_;  // held back, with `held_` behind it
  std::optional<std::uint64_t> length_;
  std::string held_;
};

AnswerGate::AnswerGate(net::Exchange& below, std::size_t most, AskAnswer ask, HoldBytes hold)
    : ExchangeLayer(below), request_(below.request()), most_(most), ask_(std::move(ask)), hold_(std::move(hold)) {
  request_.fields.clear();
  for (const auto& field : below.request().fields.all())
    if (field.id != net::Header::accept_encoding) (void)request_.fields.add(field);
}

Task<std::optional<net::Reply>> AnswerGate::verdict(const net::Reply& head, std::string body) {
  InspectedAnswer answer{.status = head.status, .fields = head.headers, .body = std::move(body)};
  return ask_(std::move(answer));
}

Task<void> AnswerGate::reply(net::Reply reply) {
  auto body = is_readable(reply) ? reply.body.substr(0, most_) : std::string();
  if (!hold_(body.size())) co_return failure(Fault::limited, "too many answers are held");
  GH_CO_TRY(auto instead, co_await verdict(reply, std::move(body)));
  co_return co_await inner_.reply(instead ? *std::move(instead) : std::move(reply));
}

Task<void> AnswerGate::start(net::Reply head, std::optional<std::uint64_t> length) {
  head_ = std::move(head);
  length_ = length;
  if (is_readable(*head_) && request_.method != net::Method::head) co_return Result<void>();
  co_return co_await release();
}

// The rules have what there is of it: the answer goes on, or another one does.
Task<void> AnswerGate::release() {
  GH_CO_TRY(auto instead, co_await verdict(*head_, held_));
  auto head = *std::exchange(head_, std::nullopt);
  if (instead) {
    inner_.close_after();
    GH_CO_DO(co_await inner_.reply(*std::move(instead)));
    co_return withheld();
  }
  GH_CO_DO(co_await inner_.start(std::move(head), length_));
  if (held_.empty()) co_return Result<void>();
  const auto held = std::exchange(held_, {});
  co_return co_await inner_.send(held);
}

Task<void> AnswerGate::send(std::string_view piece) {
  if (!head_) co_return co_await inner_.send(piece);
  const auto fits = std::min(piece.size(), most_ - held_.size());
  if (!hold_(fits)) co_return failure(Fault::limited, "too many answers are held");
  held_ += piece.substr(0, fits);
  if (held_.size() < most_) co_return Result<void>();
  GH_CO_DO(co_await release());
  if (fits == piece.size()) co_return Result<void>();
  co_return co_await inner_.send(piece.substr(fits));
}

Task<void> AnswerGate::finish(std::vector<std::pair<std::string, std::string>> trailers) {
  if (head_) GH_CO_DO(co_await release());
  co_return co_await inner_.finish(std::move(trailers));
}

}  // namespace

std::unique_ptr<net::Exchange> make_answer_gate(net::Exchange& below, std::size_t most, AskAnswer ask, HoldBytes hold) {
  return std::make_unique<AnswerGate>(below, most, std::move(ask), std::move(hold));
}

}  // namespace gatehouse::gateway
