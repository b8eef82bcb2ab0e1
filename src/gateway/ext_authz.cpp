#include "gateway/ext_authz.h"

#include <optional>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

using protozero::pbf_reader, protozero::pbf_writer, protozero::pbf_wire_type;

constexpr std::size_t kPrefix = 5;  // of a gRPC message: compressed or not, and four bytes of length

// protozero tells by exceptions what is cut off or no protobuf; what we find ourselves joins them, and read_check()
// ends both.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

pbf_reader reader(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string_view bytes_of(pbf_reader& in) {
  if (in.wire_type() != pbf_wire_type::length_delimited)
    throw Malformed("field " + std::to_string(in.tag()) + " has another type");
  const auto view = in.get_view();
  return {view.data(), view.size()};
}

using Once = std::optional<std::string_view>;
void take(Once& into, pbf_reader& in) {
  if (into) throw Malformed("field " + std::to_string(in.tag()) + " stands there twice");
  into = bytes_of(in);
}

// The one field of this number in a message that has others, too.
std::string_view only_field(std::string_view message, std::uint32_t number) {
  Once found;
  for (auto in = reader(message); in.next();) {
    if (in.tag() == number) take(found, in);
    else in.skip();
  }
  return found.value_or(std::string_view());
}

// An entry of `headers` (key 1, value 2) or a HeaderValue of `header_map` (a raw value 3, too).
void add_header(Check& check, std::string_view entry, bool may_be_raw) {
  Once key, value, raw;
  for (auto in = reader(entry); in.next();) {
    if (in.tag() == 1) take(key, in);
    else if (in.tag() == 2) take(value, in);
    else if (in.tag() == 3 && may_be_raw) take(raw, in);
    else in.skip();
  }
  if (value && raw && !value->empty() && !raw->empty()) throw Malformed("a header has two values");
  if (check.headers.size() == kCheckHeadersMax) throw Malformed("there are too many headers");
  const auto text = raw && !raw->empty() ? *raw : value.value_or(std::string_view());
  check.headers.emplace_back(key.value_or(std::string_view()), text);
}

void read_http(Check& check, std::string_view http) {
  Once method, path, host, scheme, query, fragment, map;
  for (auto in = reader(http); in.next();) {
    switch (in.tag()) {
      case 2: take(method, in); break;
      case 3: add_header(check, bytes_of(in), false); break;
      case 4: take(path, in); break;
      case 5: take(host, in); break;
      case 6: take(scheme, in); break;
      case 7: take(query, in); break;
      case 8: take(fragment, in); break;
      case 13: take(map, in); break;
      default: in.skip();
    }
  }
  const auto text = [](const Once& field) { return field.value_or(std::string_view()); };
  // "This field is always empty": whoever fills them says something else than `path`.
  if (!text(query).empty() || !text(fragment).empty()) throw Malformed("query and fragment belong into path");
  if (map && !check.headers.empty()) throw Malformed("the headers are told in two ways");
  for (auto in = reader(text(map)); in.next();) {
    if (in.tag() == 1) add_header(check, bytes_of(in), true);
    else in.skip();
  }
  check.method = text(method);
  check.path = text(path);
  check.host = text(host);
  check.scheme = text(scheme);
}

// HeaderValueOption. `append` stays unset: then append_action counts where it is known, and where it is not, a header
// is set.
enum class Append : std::int32_t { add = 0, overwrite = 2 };
std::string header_option(std::string_view name, std::string_view value, Append append) {
  std::string header, option;
  pbf_writer inner(header);
  inner.add_string(1, std::string(name));
  inner.add_string(2, std::string(value));
  pbf_writer outer(option);
  outer.add_message(1, header);
  if (append != Append::add) outer.add_enum(3, static_cast<std::int32_t>(append));
  return option;
}

bool is_of_the_connection(std::string_view name) {
  for (const std::string_view own :
       {"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
    if (equal_ignoring_case(name, own)) return true;
  return false;
}

// Protobuf strings are UTF-8: one that is not would make the whole answer unreadable, and what then happens is Envoy's
// to say.
std::string_view told(std::string_view value) { return is_utf8(value) ? value : std::string_view(); }

}  // namespace

Result<std::string_view> unframe_grpc(std::string_view body) {
  if (body.size() < kPrefix) return failure(Fault::invalid, "there is no message");
  if (body[0] != 0) return failure(Fault::invalid, "the message is compressed");
  std::uint32_t size = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<unsigned char>(body[i]);
  if (body.size() - kPrefix != size) return failure(Fault::invalid, "there is not exactly one message");
  return body.substr(kPrefix);
}

std::string frame_grpc(std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string out(1, '\0');
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(size >> shift & 0xFF);
  return out.append(message);
}

Result<Check> read_check(std::string_view message) {
  try {
    const auto attributes = only_field(message, 1);
    Once source, request;
    for (auto in = reader(attributes); in.next();) {
      if (in.tag() == 1) take(source, in);
      else if (in.tag() == 4) take(request, in);
      else in.skip();
    }
    Check check;
    read_http(check, only_field(request.value_or(std::string_view()), 2));
    // Peer.address, Address.socket_address, SocketAddress.address
    check.source = only_field(only_field(only_field(source.value_or(std::string_view()), 1), 1), 2);
    if (check.method.empty() || check.path.empty() || check.host.empty())
      return failure(Fault::invalid, "there is no whole HTTP request");
    return check;
  } catch (const protozero::exception& fault) {
    return failure(Fault::invalid, std::string("no CheckRequest: ") + fault.what());
  } catch (const Malformed& fault) {
    return failure(Fault::invalid, std::string("a CheckRequest of two readings: ") + fault.what());
  }
}

std::string write_passed(const CheckPassed& passed) {
  std::string ok, response;
  pbf_writer inner(ok);
  for (const auto& [name, value] : passed.set) inner.add_message(2, header_option(name, value, Append::overwrite));
  for (const auto& name : passed.remove) inner.add_string(5, name);
  pbf_writer outer(response);
  outer.add_message(1, std::string());  // google.rpc.Status: OK
  outer.add_message(3, ok);
  return response;
}

std::string write_denied(int code, const net::Reply& reply) {
  std::string status, http_status, denied, response;
  pbf_writer(status).add_int32(1, code);
  pbf_writer(http_status).add_enum(1, reply.status);
  pbf_writer inner(denied);
  inner.add_message(1, http_status);
  for (const auto& [name, value] : reply.headers)
    if (!is_of_the_connection(name)) inner.add_message(2, header_option(to_lower(name), told(value), Append::add));
  inner.add_string(3, std::string(told(reply.body)));
  pbf_writer outer(response);
  outer.add_message(1, status);
  outer.add_message(2, denied);
  return response;
}

}  // namespace gatehouse::gateway
