/// What the routes share: one call, its snapshot of the state, and the way to commit a command.
#pragma once

#include "web/api/api.h"
#include "web/api/json_view.h"
#include "web/api/problem.h"
#include "web/http/router.h"
#include "web/live/applied_signal.h"

#include <boost/system/result.hpp>

#include <map>

namespace starling::web {

inline constexpr std::uint64_t kBufferedBodyMax = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kBufferedBodiesMax = std::uint64_t{64} << 20;  ///< of all calls
inline constexpr std::uint32_t kCommandsInFlightMax = 128;

/// What all calls share.
struct ApiCore {
  ApiCore(asio::any_io_executor executor, NodeView& to, ApiOptions with)
      : node(to), options(std::move(with)), signal(std::move(executor)) {}

  NodeView& node;
  ApiOptions options;
  AppliedSignal signal;
  std::uint32_t commands_in_flight = 0;
  std::uint64_t bytes_buffered = 0;
  std::map<std::uint64_t, MonoTime> steps_heard;  ///< of outside programs, by token
};

/// A value, or the answer that ends the call.
template <class T>
using OrResponse = boost::system::result<T, Response>;

/// A part of a shared limit, given back at the end.
template <class Number>
class Share {
 public:
  Share(Number& total, Number amount) : total_(total), amount_(amount) { total_ += amount_; }

  ~Share() { total_ -= amount_; }

  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  Number& total_;
  Number amount_;
};

struct Call {
  ApiCore& core;
  const Request& request;
  BodyReader& body;
  PathParams params;

  NodeView& node() const { return core.node; }

  const std::string& param(std::string_view name) const { return params.find(name)->second; }
};

/// A whole number of at most 18 digits, or nothing.
std::optional<std::uint64_t> parse_whole(std::string_view text);

/// The value of `name` without parameters, lower case: "application/json".
std::string media_type(const Request& request);

/// The whole body, within the limits of one call and of all together (413, 429).
asio::awaitable<OrResponse<std::string>> buffered_body(Call& call, std::uint64_t limit);

/// The body as a JSON object, and in `content` its bytes; an absent one is empty. Not JSON: 400.
asio::awaitable<OrResponse<ParsedJson>> object_body(Call& call, std::string& content);

/// Commits `body`. What the state machine refused is in the outcome; otherwise this node has
/// applied it. `content` stands for what the request says beside method and target, under its
/// idempotency key. Without one the command gets a key of this node's own, so that asking again
/// inside the swarm while the outcome is unknown cannot do it twice.
asio::awaitable<OrResponse<ml::Recorded>> record(Call& call,
                                                 ml::CommandBody body,
                                                 ContentHash content);

/// Waits until this node has applied all that was committed when it was called: before it refuses
/// what it may only not know yet. Nothing, or the answer that ends the call (503).
asio::awaitable<std::optional<Response>> see_all_committed(Call& call);

struct Committed {
  LogIndex index;
  std::string id;            ///< of what was created
  std::uint64_t number = 0;  ///< as the command's outcome has it
};

/// Checks the form of the Idempotency-Key, before any work is done (400).
OrResponse<std::string> idempotency_key(const Call& call);

/// What the same request was answered before under its Idempotency-Key, as far as this node has
/// applied. For requests that may no longer be understood when they are repeated.
std::optional<Committed> answered_before(const Call& call, ContentHash content);

/// The same, and what was refused is a problem.
asio::awaitable<OrResponse<Committed>> commit(Call& call,
                                              ml::CommandBody body,
                                              ContentHash content);

/// `response` with the index by which other nodes can be asked for what was written.
Response with_index(Response response, LogIndex index);

/// Of the members that are known here.
NodeNames names_of(const NodeView& node);

/// "PREFIX-" and 8 random hex digits.
std::string drawn_id(std::string_view prefix);

}  // namespace starling::web
