// What guards the door. The first byte chooses what is expected. Nothing passes but what was sealed
// by who knows the keys, so whatever is accepted must say what the recorded talk says.
#include "node/secure/admitted.h"
#include "node/secure/join_token.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/recorded_talk.h"

#include <algorithm>
#include <functional>

namespace starling::node {
namespace {

const fuzz::RecordedTalk& talk() {
  static const fuzz::RecordedTalk recorded = fuzz::recorded_talk();
  return recorded;
}

template <class Outcome>
void check_message(const Outcome& outcome, BytesView input, const Bytes& recorded) {
  if (!outcome) return fuzz::require(!outcome.error().detail.empty(), "a refusal says why");
  fuzz::count_accepted();
  fuzz::require(std::ranges::equal(input, recorded), "only what was recorded is accepted");
}

void check_first(BytesView input) {
  auto responder = fuzz::talk_responder();
  check_message(responder.take_first(input, fuzz::talk_find), input, talk().first);
}

void check_second(BytesView input) {
  auto initiator = fuzz::talk_initiator();
  check_message(initiator.take_answer(input), input, talk().second);
}

void check_third(BytesView input) {
  auto responder = fuzz::talk_responder();
  fuzz::require(responder.take_first(talk().first, fuzz::talk_find).has_value(), "a start");
  check_message(responder.take_last(input), input, talk().third);
}

void check_records(BytesView input) {
  RecordOpener opener{fuzz::record_key()};
  Bytes plain;
  const auto opened = opener.feed(input, plain);
  if (opened && !plain.empty()) fuzz::count_accepted();
  std::string all;
  while (all.size() < plain.size())
    all += fuzz::kContent;
  fuzz::require(as_text(plain) == all, "records say what was sealed, whole, or nothing");
}

void check_datagram(BytesView input) {
  auto addressee = fuzz::talk_datagrams(2);
  const auto opened = addressee.open(input);
  if (!opened) return;
  fuzz::count_accepted();
  fuzz::require(as_text(opened->content) == fuzz::kContent, "a datagram says what was sealed");
  fuzz::require(opened->from == tests::keyed_secret(1).key(), "and its sender is who sealed it");
}

template <class Parse>
void check_text(BytesView input, const Parse& parse) {
  const auto parsed = fuzz::watched(input.size(), [&] { return parse(as_text(input)); });
  if (!parsed) return fuzz::require(!parsed.error().detail.empty(), "a refusal says why");
  fuzz::count_accepted();
  const auto again = parse(to_text(*parsed));
  fuzz::require(again && *again == *parsed, "written and read again it is the same");
}

}  // namespace
}  // namespace starling::node

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const BytesView input = fuzz::as_bytes_view(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0: node::check_first(input); break;
    case 1: node::check_second(input); break;
    case 2: node::check_third(input); break;
    case 3: node::check_records(input); break;
    case 4: node::check_datagram(input); break;
    case 5: node::check_text(input, node::parse_key_ring); break;
    case 6: node::check_text(input, node::parse_join_token); break;
    default:
      fuzz::check_round_trip(
          input, node::decode_admitted, node::encode_admitted, std::equal_to<>{});
      break;
  }
  return 0;
}
