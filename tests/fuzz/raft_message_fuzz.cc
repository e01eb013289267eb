#include "consensus/raft/raft_wire.h"
#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <type_traits>

namespace starling::consensus {
namespace {

bool same_entries(const std::vector<EntryRef>& a, const std::vector<EntryRef>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return *x == *y;
  });
}

template <class Body>
bool same_body(const Body& a, const Body& b) {
  if constexpr (std::is_same_v<Body, AppendRequest>) {
    return a.prev_index == b.prev_index && a.prev_term == b.prev_term && a.commit == b.commit &&
           a.sent_at == b.sent_at && same_entries(a.entries, b.entries);
  } else {
    return a == b;
  }
}

bool same(const Message& a, const Message& b) {
  return a.swarm == b.swarm && a.recovery_epoch == b.recovery_epoch && a.from == b.from &&
         a.to == b.to && a.term == b.term && a.session == b.session &&
         a.body.index() == b.body.index() &&
         std::visit(
             [&](const auto& body) {
               return same_body(body, std::get<std::decay_t<decltype(body)>>(b.body));
             },
             a.body);
}

void check_promises(const Message& message) {
  fuzz::require(!message.from.is_none() && !message.to.is_none(), "a message has both its ends");
  const auto* append = std::get_if<AppendRequest>(&message.body);
  if (append == nullptr) return;
  LogIndex index = append->prev_index;
  Term term = append->prev_term;
  for (const EntryRef& entry : append->entries) {
    fuzz::require(entry->index == index.next(), "entries follow each other");
    fuzz::require(entry->term >= term && entry->term <= message.term, "terms never fall");
    index = entry->index;
    term = entry->term;
  }
}

}  // namespace
}  // namespace starling::consensus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const BytesView input = fuzz::as_bytes_view(data, size);
  fuzz::check_round_trip(input,
                         consensus::decode_message,
                         consensus::encode_message,
                         consensus::same,
                         fuzz::Parser::protobuf);
  const auto message = consensus::decode_message(input);
  if (message) consensus::check_promises(*message);
  return 0;
}
