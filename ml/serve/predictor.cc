#include "ml/serve/predictor.h"

#include "ml/ensemble/calibration.h"
#include "ml/serve/artifact.h"
#include "ml/train/bag_model.h"
#include "ml/train/native_model.h"
#include "node/base/durable_file.h"
#include "node/base/hash.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <span>
#include <string_view>
#include <tuple>

namespace starling::ml {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kRequestFloatsMax = 1 << 20;  // 4 MB, far below one frame

/// Lets one coroutine in at a time; all on one executor.
class Turn {
 public:
  explicit Turn(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> take() {
    while (is_taken_) {
      co_await timer_.async_wait(kAsTuple);
    }
    is_taken_ = true;
  }

  void give() {
    is_taken_ = false;
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  bool is_taken_ = false;
};

Result<> save(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) return Error{Errc::io, fmt::format("cannot write {}", path.string())};
  return {};
}

void decode_numbers(const Finish& finish, const std::vector<float>& values, Predictions& out) {
  out.values.assign(values.begin(), values.end());
  if (!finish.conformal) return;
  for (const double value : out.values)
    out.intervals.push_back(interval_of(*finish.conformal, value));
}

void decode_classes(const Finish& finish, const std::vector<float>& values, Predictions& out) {
  Judged said;
  said.task = out.task;
  said.class_count = out.classes.size();
  said.probabilities.assign(values.begin(), values.end());
  said.rule = finish.rule;
  apply_temperature(finish.temperature, said.class_count, said.probabilities);
  for (std::size_t row = 0; row * said.class_count < said.probabilities.size(); ++row) {
    const double* begin = said.probabilities.data() + row * said.class_count;
    out.labels.push_back(out.classes[said_class(said, row)]);
    out.probabilities.emplace_back(begin, begin + said.class_count);
  }
}

Predictions decode(const TargetCoding& target,
                   const Finish& finish,
                   const std::vector<float>& values) {
  Predictions out;
  out.task = target.task;
  out.classes = target.classes;
  if (target.task == TaskKind::regression)
    decode_numbers(finish, values, out);
  else
    decode_classes(finish, values, out);
  return out;
}

/// A level that one fold did not see is known to the others: a warning is what all say.
void keep_common(const std::vector<PredictWarning>& of_one, std::vector<PredictWarning>& common) {
  std::set<std::tuple<std::size_t, std::string_view, std::string_view>> known;
  for (const PredictWarning& warning : of_one)
    known.emplace(warning.row, warning.column, warning.kind);
  std::erase_if(common, [&known](const PredictWarning& warning) {
    return !known.contains({warning.row, warning.column, warning.kind});
  });
}

/// Each row as every encoder encodes it, one behind the other.
Result<Matrix> encode_all(const std::vector<Encoder>& encoders,
                          std::span<const RawRow> rows,
                          MissingColumns missing,
                          std::vector<PredictWarning>& warnings) {
  auto first = encoders.front().encode(rows, missing, warnings);
  if (!first || encoders.size() == 1) return first;
  std::vector<Matrix> parts{std::move(*first)};
  Matrix all{rows.size(), parts.front().columns, {}};
  for (std::size_t k = 1; k < encoders.size(); ++k) {
    std::vector<PredictWarning> of_one;
    auto part = encoders[k].encode(rows, missing, of_one);
    if (!part) return part;
    all.columns += part->columns;
    parts.push_back(std::move(*part));
    keep_common(of_one, warnings);
  }
  all.values.reserve(all.rows * all.columns);
  for (std::size_t row = 0; row < all.rows; ++row) {
    for (const Matrix& part : parts) {
      const float* begin = part.values.data() + row * part.columns;
      all.values.insert(all.values.end(), begin, begin + part.columns);
    }
  }
  return all;
}

/// Needs no LibTorch. Trees tell by how they begin: they may be large.
bool is_for_native(const std::filesystem::path& model) {
  std::ifstream file(model, std::ios::binary);
  std::string begin(64, '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (is_tree_model(begin)) return true;
  const auto bytes = read_file(model);
  return bytes && is_native_model(*bytes);
}

/// Where each member's part of a row is.
std::vector<BagPart> parts_of(const Artifact& artifact) {
  std::vector<std::size_t> from;
  std::size_t width = 0;
  for (const Encoder& encoder : artifact.encoders) {
    from.push_back(width);
    width += encoder.width();
  }
  std::vector<BagPart> parts;
  for (const Artifact::Member& member : artifact.members) {
    const std::size_t columns = artifact.encoders[member.encoder].width();
    parts.push_back({member.model, from[member.encoder], columns, member.weight});
  }
  return parts;
}

}  // namespace

struct Predictor::Served {
  Served(std::filesystem::path from, Artifact with, const asio::any_io_executor& executor)
      : path(std::move(from)),
        encoders(std::move(with.encoders)),
        finish(std::move(with.finish)),
        turn(executor) {}

  const TargetCoding& target() const { return encoders.front().target(); }

  std::size_t outputs() const { return std::max<std::size_t>(1, target().classes.size()); }

  /// Of a bag, so that what its encoders make of them stays small; else all.
  std::size_t rows_at_once() const {
    if (encoders.size() == 1) return std::numeric_limits<std::size_t>::max();
    std::size_t width = 1;
    for (const Encoder& encoder : encoders)
      width += encoder.width();
    return std::max<std::size_t>(1, kRequestFloatsMax / width);
  }

  std::filesystem::path path;
  std::filesystem::path model_path;  ///< a model, or the list of a bag's
  bool is_native = false;            ///< needs no LibTorch
  std::vector<Encoder> encoders;
  Finish finish;
  Turn turn;
  std::unique_ptr<WorkerChannel> child;
};

Predictor::Predictor(asio::any_io_executor executor,
                     WorkerPools& pools,
                     std::filesystem::path folder)
    : executor_(std::move(executor)), pools_(pools), folder_(std::move(folder)) {
  std::error_code ignored;  // what an earlier process left may be as large as all it ever served
  std::filesystem::remove_all(folder_, ignored);
}

Predictor::~Predictor() = default;

Result<std::shared_ptr<Predictor::Served>> Predictor::find_or_open(
    const std::filesystem::path& artifact) {
  const auto known = std::find_if(
      served_.begin(), served_.end(), [&](const auto& served) { return served->path == artifact; });
  if (known != served_.end()) {
    served_.splice(served_.begin(), served_, known);
    return served_.front();
  }
  auto opened = open_artifact(artifact, folder_);
  if (!opened) return opened.error();
  const bool is_native = is_for_native(opened->members.front().model);
  std::filesystem::path model_path = opened->members.front().model;
  if (opened->members.size() > 1) {
    const std::string list = to_json(parts_of(*opened));
    model_path = folder_ / (hash_of(std::as_bytes(std::span{list})).hex() + ".bag");
    if (auto saved = save(model_path, list); !saved) return saved.error();
  }
  auto served = std::make_shared<Served>(artifact, std::move(*opened), executor_);
  served->model_path = std::move(model_path);
  served->is_native = is_native;
  served_.push_front(served);
  if (served_.size() > kServedArtifactsMax) served_.pop_back();
  return served;
}

asio::awaitable<Result<Predictions>> Predictor::predict(std::filesystem::path artifact,
                                                        std::vector<RawRow> rows,
                                                        MissingColumns missing) {
  const auto found = find_or_open(artifact);
  if (!found) co_return found.error();
  const std::shared_ptr<Served> served = *found;
  std::vector<PredictWarning> warnings;
  // What is wrong with a row is told before any is asked about.
  if (served->encoders.size() > 1) {
    std::vector<PredictWarning> told_later;
    const auto checked = served->encoders.front().encode(rows, missing, told_later);
    if (!checked) co_return checked.error();
  }
  std::vector<float> values;
  const std::size_t step = served->rows_at_once();
  for (std::size_t from = 0; from < rows.size(); from += step) {
    const std::span<const RawRow> some{rows.data() + from, std::min(step, rows.size() - from)};
    std::vector<PredictWarning> of_some;
    auto encoded = encode_all(served->encoders, some, missing, of_some);
    if (!encoded) co_return encoded.error();
    for (PredictWarning& warning : of_some) {
      warning.row += from;
      warnings.push_back(std::move(warning));
    }
    co_await served->turn.take();
    auto answered = co_await ask(served, std::move(*encoded));
    served->turn.give();
    if (!answered) co_return answered.error();
    values.insert(values.end(), answered->begin(), answered->end());
  }
  Predictions predictions = decode(served->target(), served->finish, values);
  predictions.warnings = std::move(warnings);
  co_return predictions;
}

/// Asks in pieces that fit a frame. Has the artifact's turn.
asio::awaitable<Result<std::vector<float>>> Predictor::ask(std::shared_ptr<Served> served,
                                                           Matrix rows) {
  std::vector<float> all;
  const std::size_t step =
      std::max<std::size_t>(1, kRequestFloatsMax / std::max<std::size_t>(1, rows.columns));
  for (std::size_t from = 0; from < rows.rows; from += step) {
    const std::size_t count = std::min(step, rows.rows - from);
    const float* begin = rows.values.data() + from * rows.columns;
    PredictRequest request{++last_request_, count, rows.columns, {}};
    request.values.assign(begin, begin + count * rows.columns);
    auto answer = co_await ask_child(served, request);
    if (!answer && answer.error().code == Errc::unavailable) {
      served->child.reset();
      answer = co_await ask_child(served, std::move(request));
    }
    if (!answer) {
      served->child.reset();
      co_return answer.error();
    }
    all.insert(all.end(), answer->begin(), answer->end());
  }
  co_return all;
}

asio::awaitable<Result<>> Predictor::ensure_child(std::shared_ptr<Served> served) {
  if (served->child) co_return Result<>{};
  auto spawned = co_await (served->is_native ? pools_.native() : pools_.torch()).spawn();
  if (!spawned) co_return spawned.error();
  auto child = std::move(*spawned);
  WorkTask task;
  task.kind = WorkKind::serve;
  task.model_path = served->model_path.string();
  WorkMessage message{std::move(task)};
  const auto written = co_await child->write(std::move(message));
  if (!written) co_return written.error();
  const auto ready = co_await child->read();
  if (!ready) co_return ready.error();
  if (const auto* failed = std::get_if<WorkFailed>(&*ready)) co_return to_error(*failed);
  served->child = std::move(child);
  co_return Result<>{};
}

asio::awaitable<Result<std::vector<float>>> Predictor::ask_child(std::shared_ptr<Served> served,
                                                                 PredictRequest request) {
  const auto ensured = co_await ensure_child(served);
  if (!ensured) co_return ensured.error();
  const std::uint64_t id = request.id;
  const std::size_t wanted = request.rows * served->outputs();
  WorkMessage message{std::move(request)};
  const auto written = co_await served->child->write(std::move(message));
  if (!written) co_return written.error();
  auto read = co_await served->child->read();
  if (!read) co_return read.error();
  auto* answer = std::get_if<PredictAnswer>(&*read);
  if (answer == nullptr || answer->id != id) {
    co_return Error{Errc::corrupt, "the serving worker answered something else than was asked"};
  }
  if (!answer->error.empty()) co_return Error{Errc::io, answer->error};
  if (answer->values.size() != wanted) {
    co_return Error{
        Errc::corrupt,
        fmt::format("the model answered {} values instead of {}", answer->values.size(), wanted)};
  }
  co_return std::move(answer->values);
}

}  // namespace starling::ml
