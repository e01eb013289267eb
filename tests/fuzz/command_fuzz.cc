// Commands of the log. What decodes is also applied: a command that a leader took from a client
// must not stop the nodes that apply it.
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "tests/fuzz/fuzz_target.h"

#include <vector>

namespace starling::ml {
namespace {

std::string encode_command(const Command& command) {
  return encode(command);
}

/// A state with a dataset, and a study that has a running and a queued trial.
MapView busy_state() {
  StudySpec spec;
  spec.name = "table";
  spec.dataset = "d-1";
  spec.target = "y";
  spec.task = "regression";
  spec.metric = "rmse";
  const std::vector<CommandBody> bodies{
      AddDataset{{"d-1", "n", hash_of(to_bytes("b")), 1, 2, R"({"rows":2})", 3}},
      CreateStudy{"s-1", spec},
      QueueTrials{"s-1", {{0, {{"mlp.width", std::int64_t{8}}}, 20}, {1, {}, 0}}},
      StartTrial{"s-1", 0, {}}};
  MapView view;
  LogIndex index;
  for (const CommandBody& body : bodies) {
    index = index.next();
    const auto applied = apply(view, index, {"", "", 1, 1, body});
    fuzz::require(!applied.outcome.error, "the state to fuzz is made of valid commands");
    view.commit(applied.changes);
  }
  return view;
}

}  // namespace
}  // namespace starling::ml

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view input = as_text(fuzz::as_bytes_view(data, size));
  fuzz::check_encoded_round_trip(
      input, ml::decode_command, ml::encode_command, fuzz::Parser::protobuf);
  const auto command = ml::decode_command(input);
  static const MapView view = ml::busy_state();
  if (command) static_cast<void>(ml::apply(view, {10}, *command));
  return 0;
}
