// Writes the seeds of all fuzz targets with the encoders of this build: `write_corpus DIR`.
//
// Run it after a format changed; what libFuzzer found later may be added by hand.
#include "consensus/raft/raft_wire.h"
#include "consensus/relay/relay.h"
#include "consensus/storage/log_frame.h"
#include "ml/study/state_backup.h"
#include "ml/study/state_keys.h"
#include "ml/study/study_wire.h"
#include "ml/train/native_model.h"
#include "ml/work/checkpoint_packets.h"
#include "ml/work/work_protocol.h"
#include "node/base/state_pairs.h"
#include "node/blobs/blob_packets.h"
#include "node/gossip/swim_wire.h"
#include "node/net/frame.h"
#include "node/net/peer_envelope.h"
#include "node/secure/admitted.h"
#include "tests/fuzz/recorded_talk.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace starling {
namespace {

std::filesystem::path g_corpus;

void write(const std::string& target, std::string_view name, std::string_view bytes) {
  std::filesystem::create_directories(g_corpus / target);
  std::ofstream out{g_corpus / target / name, std::ios::binary};
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void write(const std::string& target, std::string_view name, const Bytes& bytes) {
  write(target, name, as_text(bytes));
}

/// For targets whose first byte chooses what is expected.
void write_chosen(const std::string& target,
                  std::string_view name,
                  int choice,
                  std::string_view bytes) {
  write(target, name, static_cast<char>(choice) + std::string{bytes});
}

using tests::node_number;

SwarmId swarm() {
  SwarmId id;
  id.bytes.fill(7);
  return id;
}

void write_backup() {
  auto state = std::make_shared<MapView>();
  Changes changes;
  changes.put("meta/ring", "secret");
  changes.put("study/s-1", "value");
  state->commit(changes);
  ml::BackupWriter writer{state, {.swarm = swarm(), .index = {7}, .time_ms = 1234}};
  std::string all;
  for (std::string piece = writer.next(); !piece.empty(); piece = writer.next())
    all += piece;
  write("state_backup", "two_pairs", all);
}

void write_relay() {
  using namespace consensus;
  write_chosen("relay", "question", 0, as_text(encode_relay_request({{77}, 250})));
  AppendRequest append{
      .prev_index = {10}, .prev_term = {5}, .commit = {11}, .entries = {}, .is_news = true};
  append.entries.push_back(
      std::make_shared<const Entry>(Entry{{7}, {11}, EntryKind::command, "bytes", {}}));
  RelayAnswer answer;
  answer.path = {node_number(3), node_number(4)};
  answer.commit = {15};
  write_chosen("relay", "nobody_leads", 1, as_text(encode_relay_answer(answer)));
  answer.snapshot_comes = true;
  answer.message = Message{swarm(), 2, node_number(1), node_number(2), {7}, 0, std::move(append)};
  write_chosen("relay", "entries", 1, as_text(encode_relay_answer(answer)));
}

void write_raft_messages() {
  using namespace consensus;
  const auto write_body = [](std::string_view name, MessageBody body) {
    const Message message{swarm(), 2, node_number(1), node_number(2), {7}, 5, std::move(body)};
    write("raft_message", name, encode_message(message));
  };
  const Config joint{{node_number(1), node_number(2)}, {node_number(3)}, {node_number(3)}};
  const auto entry = [&](std::uint64_t index, EntryKind kind, std::string command) {
    Entry made{{7}, {index}, kind, std::move(command), {}};
    if (kind == EntryKind::config) made.config = joint;
    return std::make_shared<const Entry>(made);
  };
  write_body("vote_request", VoteRequest{true, true, {10}, {5}});
  write_body("vote_response", VoteResponse{true, true});
  write_body("append_request",
             AppendRequest{{10},
                           {5},
                           {9},
                           {entry(11, EntryKind::noop, {}),
                            entry(12, EntryKind::command, "bytes"),
                            entry(13, EntryKind::config, {})},
                           12345});
  write_body("append_response", AppendResponse{true, {10}, {8}, {4}, 12345});
  write_body("heartbeat_request", HeartbeatRequest{{9}, {10}, 3, 12345});
  write_body("heartbeat_response", HeartbeatResponse{3, 12345, {{12}, {1, 2, 3}}});
  write_body("timeout_now", TimeoutNow{});

  const auto write_entry = [&](std::string_view name, const consensus::Entry& kept) {
    const std::string bytes = encode_entry(kept);
    write_chosen("raft_stored", name, 0, std::string_view{bytes}.substr(0, bytes.size() - 4));
    write_chosen("raft_stored", fmt::format("{}_with_checksum", name), 3, bytes);
  };
  const StateCheck check{{12}, {1, 2, 3}};
  write_entry("noop", *entry(3, EntryKind::noop, {}));
  write_entry("command", *entry(4, EntryKind::command, "bytes"));
  write_entry("config", *entry(5, EntryKind::config, {}));
  write_entry("check", *entry(6, EntryKind::check, encode_state_check(check)));
  write_chosen("raft_stored", "hard", 1, encode_hard_state({{7}, node_number(2), {12}, 1}));
  write_chosen("raft_stored", "meta", 2, encode_snapshot_meta({{12}, {6}, joint, {9}}));

  FrameWriter frame;
  frame.add(RecordKind::owner, 0, "swarm 1 node 2");
  frame.add(RecordKind::generation, 1, {});
  frame.add(RecordKind::hard, 0, encode_hard_state({{7}, node_number(2), {12}, 1}));
  frame.add(RecordKind::base, 0, encode_snapshot_meta({{2}, {6}, joint, {1}}));
  frame.close({1, 9, 1, 0}, 0);
  std::string segment{frame.bytes()};
  frame.clear();
  frame.add(RecordKind::entry, 3, encode_entry(*entry(3, EntryKind::noop, {})));
  frame.add(RecordKind::entry, 4, encode_entry(*entry(4, EntryKind::command, "bytes")));
  frame.add(RecordKind::truncate, 4, {});
  const Frame second = frame.close({1, 9, 2, 1}, segment.size());
  segment += frame.bytes();
  write_chosen("log_segment", "two_frames", 0, segment);
  write_chosen("log_segment", "records", 1, second.records);
  frame.clear();
  frame.add(RecordKind::install, 2, encode_snapshot_meta({{12}, {6}, joint, {9}}));
  write_chosen("log_segment", "install", 1, frame.close({1, 9, 3, 2}, 0).records);

  std::string pairs;
  append_pair(pairs, "key", "value");
  append_pair(pairs, "", "");
  append_pair(pairs, "other", std::string(300, 'v'));
  write("snapshot_pairs", "three", pairs);
  SnapshotChunk chunk;
  chunk.swarm = swarm();
  chunk.recovery_epoch = 1;
  chunk.term = {7};
  chunk.session = 3;
  chunk.meta = {{12}, {6}, joint, {9}};
  chunk.offset = 4096;
  chunk.pairs = pairs;
  chunk.hash = hash_of(to_bytes("so far"));
  write("snapshot_chunk", "middle", encode_snapshot_chunk(chunk));
  chunk.pairs.clear();
  chunk.done = true;
  chunk.hash = hash_of(to_bytes("all"));
  write("snapshot_chunk", "last", encode_snapshot_chunk(chunk));
}

void write_net() {
  using namespace node;
  Bytes stream = to_bytes("5");
  for (const std::string& body : {std::string{"first"}, std::string{}, std::string(200, 'x')}) {
    const Bytes frame = encode_frame(encode_envelope({FrameKind::request, 2, 77}), to_bytes(body));
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  write("frame", "three", stream);
  write("frame", "cut", as_text(stream).substr(0, stream.size() - 10));

  const auto envelope = encode_envelope({FrameKind::answer, 3, 1ULL << 40});
  write_chosen("peer_envelope", "envelope", 0, as_text(envelope));
  const Bytes hello = encode_hello({swarm(), node_number(4), kPeerProtocol, 2, {}, 77, true});
  write_chosen("peer_envelope", "hello", 1, as_text(hello));
  write_chosen("peer_envelope", "answer", 2, as_text(encode_answer(to_bytes("content"))));
  const Result<Bytes> error = Error{Errc::not_found, "no such blob"};
  write_chosen("peer_envelope", "refused_answer", 2, as_text(encode_answer(error)));
}

void write_secure() {
  using namespace node;
  const auto talk = fuzz::recorded_talk();
  write_chosen("secure", "first", 0, as_text(talk.first));
  write_chosen("secure", "second", 1, as_text(talk.second));
  write_chosen("secure", "third", 2, as_text(talk.third));
  write_chosen("secure", "records", 3, as_text(fuzz::recorded_records()));
  write_chosen("secure", "datagram", 4, as_text(fuzz::recorded_datagram()));
  SwarmKeyRing ring = tests::ring_of(3, 12);
  ring.push_back(tests::ring_of(2, 11)[0]);
  ring[1].use = KeyUse::retired;
  write_chosen("secure", "ring", 5, to_text(ring));
  write_chosen("secure", "token", 6, to_text(JoinToken{swarm(), ring[0].key}));
  write_chosen("secure", "admitted", 7, as_text(encode_admitted({swarm(), 3, ring})));
}

void write_gossip() {
  using namespace node;
  Member member;
  member.id = tests::keyed_node(3);
  member.key = tests::keyed_secret(3).key();
  member.incarnation = 1ULL << 60;
  member.state = MemberState::alive;
  member.facts.name = "ann";
  member.facts.address = "10.0.0.3:7400";
  member.facts.http = "http://10.0.0.3:8400";
  member.facts.version = "1.2";
  member.facts.feature_level = 1;
  member.facts.slots = 4;
  member.facts.trials_running = 2;
  member.facts.memory_budget_mb = 2048;
  member.facts.memory_used_mb = 512;
  member.facts.labels = {{"zone", "a"}, {"gpu", ""}};
  Member suspect = member;
  suspect.id = node_number(5);
  suspect.key = {};
  suspect.state = MemberState::suspect;
  suspect.facts = {};
  suspect.facts.address = "10.0.0.5:7400";
  SwimMessage message;
  message.kind = SwimKind::ping_request;
  message.swarm = swarm();
  message.from = node_number(1);
  message.from_address = "10.0.0.1:7400";
  message.sequence = 99;
  message.target = node_number(5);
  message.target_address = "10.0.0.5:7400";
  message.updates = {{member, {}}, {suspect, node_number(1)}};
  write("swim_message", "ping_request", encode_swim_message(message));
  message.kind = SwimKind::ack;
  message.updates.clear();
  write("swim_message", "ack", encode_swim_message(message));
  SwimState page{
      swarm(), node_number(1), "10.0.0.1:7400", node_number(1), node_number(7), {member, suspect}};
  write("swim_state", "two", encode_swim_state(page));
  page = {{}, node_number(1), "10.0.0.1:7400", {}, {}, {}};
  write("swim_state", "not_joined", encode_swim_state(page));

  const ContentHash hash = hash_of(to_bytes("blob"));
  write("blob_packets", "chunks", encode_blob_request({BlobAsk::chunks, hash, 0, 65536, {}}));
  write("blob_packets", "read", encode_blob_request({BlobAsk::read, hash, 1 << 20, 65536, {}}));
  write("blob_packets", "has", encode_blob_request({BlobAsk::has, hash, 0, 0, {}}));
  write(
      "blob_packets", "fetch", encode_blob_request({BlobAsk::fetch, hash, 0, 0, "10.0.0.1:7400"}));
}

ml::StudySpec spec() {
  ml::StudySpec spec;
  spec.name = "table";
  spec.dataset = "d-1";
  spec.target = "y";
  spec.task = "regression";
  spec.metric = "rmse";
  spec.search_space_json = R"({"mlp.width":{"type":"int","low":8,"high":64}})";
  spec.initial = {{{"mlp.width", std::int64_t{16}}, {"rate", 0.5}, {"kind", std::string{"x"}}}, {}};
  spec.use_case = "u";
  spec.tags = {"t", "u"};
  spec.split = {ml::SplitMethod::time, "day", {}, {}, {}, 1, 7.5};
  spec.final_model = ml::FinalModel::refit_all;
  spec.constraints = {.predict_ms = 2.5, .model_mb = 8, .is_interpretable = true};
  spec.decisions = {{"split", "kfold, 5 folds", "of 344 rows"}, {"final", "refit", ""}};
  return spec;
}

ml::FinalResult final_result() {
  ml::FinalResult result;
  result.validation = {{"rmse", 2.0}};
  result.test = {{"rmse", 2.5}, {"mae", 1.5}};
  result.rows_train = 70;
  result.split_hash = "abc";
  result.artifact = hash_of(to_bytes("a"));
  result.artifact_bytes = 10;
  result.features_json = R"([{"name":"x","type":"number"}])";
  result.classes = {"no", "yes"};
  result.seconds = 1.5;
  return result;
}

void write_checkpoint_packets() {
  using namespace ml;
  CheckpointRequest request;
  request.work = {"s-00c0ffee", 3};
  request.epoch = 20;
  request.hash = hash_of(to_bytes("state"));
  request.address = "10.0.0.1:7400";
  request.thief = node_number(2);
  for (const auto ask :
       {CheckpointAsk::find, CheckpointAsk::read, CheckpointAsk::offer, CheckpointAsk::yield}) {
    request.ask = ask;
    write("checkpoint_packets", fmt::format("ask_{}", static_cast<int>(ask)), encode(request));
  }
}

void write_networks() {
  ml::NativeModel model;
  model.net.inputs = 2;
  model.net.outputs = 3;
  model.net.hidden = ml::hidden_layers({4});
  model.is_regression = false;
  model.weights.assign((2 + 1) * 4 + (4 + 1) * 3, 0.5F);
  write("native_model", "classes", ml::to_torchscript(model).value());
  model.net.outputs = 1;
  model.net.hidden.clear();
  model.is_regression = true;
  model.scale = 2;
  model.weights.assign(2 + 1, -1.0F);
  write("native_model", "line", ml::to_torchscript(model).value());
  model.net.hidden = {{.width = 3, .activation = ml::Activation::softmax},
                      {.width = 3, .norm = ml::Norm::batch}};
  model.net.is_residual = true;
  model.weights = ml::first_values(model.net, 1);
  write("native_model", "layers", ml::to_torchscript(model).value());
}

/// A data set, and a study of two trials that has ended, as a backup has them.
std::string adopted_pairs() {
  const ml::Dataset dataset{"d-2", "n", hash_of(to_bytes("c")), 1, 2, R"({"rows":2})", 3};
  ml::Study study;
  study.id = "s-2";
  study.spec = spec();
  study.spec.trials = 2;
  study.status = ml::StudyStatus::completed;
  study.counts.completed = 2;
  study.best_number = 1;
  study.best_value = 2.5;
  study.result = final_result();
  std::string pairs;
  append_pair(pairs, ml::keys::dataset("d-2"), encode(dataset));
  for (std::uint32_t number = 0; number < 2; ++number) {
    ml::Trial trial;
    trial.study = "s-2";
    trial.number = number;
    trial.state = ml::TrialState::completed;
    trial.value = 3.5 - number;
    append_pair(pairs, ml::keys::curve("s-2", number), encode(ml::Curve{{1, 4.5}, {2, 3.5}}));
    append_pair(pairs, ml::keys::trial("s-2", number), encode(trial));
  }
  append_pair(pairs, ml::keys::study("s-2"), encode(study));
  return pairs;
}

void write_commands() {
  using namespace ml;
  const Dataset dataset{"d-1", "n", hash_of(to_bytes("b")), 1, 2, R"({"rows":2})", 3};
  const std::vector<CommandBody> bodies{
      AddToken{hash_of(to_bytes("t"))},
      AddDataset{dataset},
      RemoveDataset{"d-1"},
      CreateStudy{"s-1", spec()},
      StopStudy{"s-1", "time_limit", true},
      QueueTrials{"s-1", {{0, {{"mlp.width", std::int64_t{8}}}, 20}, {1, {}, 0, 9}}},
      StartTrial{"s-1", 0, node_number(3)},
      ReportProgress{{{"s-1", 0, 2, {3, 4.5}}, {"s-1", 1, 9, {1, -1}}}},
      FinishTrial{"s-1", 0, 2, TrialState::failed, true, 3, {{"mae", 4}}, 5, 6, 7, 8, "why", {9}},
      RefuseTrial{"s-1", 1, "too large"},
      StartFinal{"s-1", node_number(4)},
      FinishFinal{"s-1", 9, final_result(), false, ""},
      ExpireAttempts{{{"s-1", 0, 2}, {"s-1", std::nullopt, 9}}, "node is gone"},
      SetRegister{"config", "value", 7},
      RemoveRegister{"config", std::nullopt},
      RaiseFeatureLevel{1},
      AddMember{tests::keyed_secret(4).key(), "node-4", node::KeyId{1, 2}},
      RemoveMember{node_number(5)},
      MarkMember{node_number(6), true, {}},
      AddInvite{tests::ring_of(5)[0].key, 1000, 2},
      AddSwarmKey{tests::ring_of(6)[0].key},
      UseSwarmKey{2},
      NoteDecision{"voters", "node-2 is dead"},
      Adopt{SwarmId{{7}}, adopted_pairs(), 2},
      MoveTrials{{{"s-1", 0, {}, node_number(3)}, {"s-1", 1, node_number(4), {}}}, "stolen"},
      PauseStudy{"s-1", true},
      ExtendStudy{"s-1", 5},
      YieldTrial{"s-1", 4, 17, node_number(3), "drained"},
      AskTrial{"s-1", 600'000}};
  for (std::size_t i = 0; i < bodies.size(); ++i)
    write("command",
          fmt::format("kind_{:02}", i),
          encode(Command{"key", "hash", 1000 + i, 2000 + i, bodies[i]}));

  Study study;
  study.id = "s-1";
  study.spec = spec();
  study.status = StudyStatus::completed;
  study.counts.completed = 2;
  study.best_number = 1;
  study.best_value = 2.5;
  study.final_job = {FinalState::completed, {9, node_number(2)}, 1, {}, 0, ""};
  study.result = final_result();
  study.model = "table";
  study.model_version = 1;
  Trial trial;
  trial.study = "s-1";
  trial.number = 1;
  trial.state = TrialState::completed;
  trial.params = spec().initial[0];
  trial.current = {7, node_number(2)};
  trial.value = 2.5;
  trial.metrics = {{"rmse", 2.5}};
  const ModelVersion version{"table",
                             1,
                             "s-1",
                             hash_of(to_bytes("a")),
                             10,
                             5,
                             "regression",
                             "y",
                             "rmse",
                             {{"rmse", 2.5}},
                             {},
                             trial.params,
                             "[]",
                             {"no"}};
  write_chosen("study_values", "dataset", 0, encode(dataset));
  write_chosen("study_values", "study", 1, encode(study));
  write_chosen("study_values", "trial", 2, encode(trial));
  trial.fit = {.candidate = 3, .fold = 1};
  trial.artifact = hash_of(to_bytes("a"));
  write_chosen("study_values", "fit", 2, encode(trial));
  write_chosen("study_values", "curve", 3, encode(Curve{{1, 2.5}, {2, 2.25}}));
  write_chosen("study_values", "register", 5, encode(Register{"k", 7, "value"}));
  write_chosen("study_values", "version", 4, encode(version));
  const node::NodeKey key = tests::keyed_secret(4).key();
  write_chosen("study_values",
               "swarm_member",
               7,
               encode(SwarmMember{node::node_id_of(key), key, "node-4", 5, true, false}));
  write_chosen("study_values", "invite", 8, encode(Invite{tests::ring_of(5)[0].key, 1000, 2}));
  write_chosen(
      "study_values", "outcome", 6, encode(Outcome{"s-1", 3, Error{Errc::conflict, "why"}}));
}

void write_work() {
  using namespace ml;
  WorkTask task;
  task.more_datasets = {{"/blobs/cd", "{}"}};
  task.split = {SplitMethod::column, "part", {"a"}, {}, {"b"}, 3, 0};
  task.kind = WorkKind::final;
  task.study = "s-1";
  task.number = 7;
  task.token = 1ULL << 60;
  task.dataset_path = "/data/table.csv";
  task.target = "y";
  task.params = spec().initial[0];
  WorkDone done;
  done.value = 4500.25;
  done.metrics = {{"rmse", 4500.25}};
  done.test = {{"mae", 1e-9}};
  done.split = {910, 227, 201, 2, "abc"};
  done.classes = {"no", "yes"};
  const std::vector<std::pair<std::string, WorkMessage>> messages{
      {"task", task},
      {"progress", WorkProgress{3, 0.1, 1e300}},
      {"done", done},
      {"failed", WorkFailed{"diverged", "why"}},
      {"ready", ServeReady{42}},
      {"predict", PredictRequest{9, 2, 3, {1, 2.5F, -3e-38F, 4, 5, 6}}},
      {"answer", PredictAnswer{9, 2, {0.25F, 0.75F}, ""}},
      {"spawn", SpawnChild{1}},
      {"kill", KillChild{2}},
      {"spawned", ChildSpawned{1, 4711}},
      {"exited", ChildExited{1, 4711, 2, 9, 155}},
      {"checkpoint", WorkCheckpoint{7}},
      {"yield", WorkYield{}},
      {"yielded", WorkYielded{8}}};
  for (const auto& [name, message] : messages) {
    const Bytes bytes = encode_work_message(message);
    write("work_message", name, bytes);
    if (bytes.size() < 200) write_chosen("worker_packet", name, 1, as_text(bytes));
  }
}

std::string cell_name(std::string name) {
  for (char& c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

void write_tables() {
  const std::vector<std::pair<std::string, std::string>> tables{
      {"plain", "a,b\n1,2\n3,4\n"},
      {"quotes", "a,b\r\n\"x\"\"\r\ny\",1\r\n , \"\" \r\n5,6"},
      {"german", "Preis;Datum\n1.234,50 \xE2\x82\xAC;31.01.2014\n2,5;1.2.2014\n"},
      {"latin1", "a\tb\nx\tcaf\xE9\n"},
      {"utf16",
       std::string{"\xFF\xFE"
                   "a\0,\0b\0\n\0"
                   "1\0,\0\xAC\x20\n\0",
                   18}},
      {"odd", "Sales 2019\n\na,a,,d\n1,yes,,2014-01-02\n2,no\n-3,N,,5/6/14 2:05 PM,,\n"},
      {"no_header", "1|2.5\n3|4.5\r5|NA\n"}};
  for (const auto& [name, table] : tables)
    for (const char* target : {"csv", "csv_split"})
      write_chosen(target, name, 3, table);
  for (const char* cell :
       {"1", "-12.5", "1,234.5", "(1,200)", "$5", "12 %", "1e300", "-7", "31.01.2014"})
    write_chosen("cell", fmt::format("point_{}", cell_name(cell)), 0, cell);
  for (const char* cell :
       {"1.234,5", "2014-01-31T14:05:09.5+01:00", "Jan 31, 2014 2:05 PM", "31-Jan-14"})
    write_chosen("cell", fmt::format("comma_{}", cell_name(cell)), 1, cell);
}

}  // namespace
}  // namespace starling

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} DIR\n", argv[0]);
    return 2;
  }
  starling::g_corpus = argv[1];
  starling::write_raft_messages();
  starling::write_relay();
  starling::write_backup();
  starling::write_net();
  starling::write_secure();
  starling::write_gossip();
  starling::write_commands();
  starling::write_networks();
  starling::write_work();
  starling::write_checkpoint_packets();
  starling::write_tables();
  return 0;
}
