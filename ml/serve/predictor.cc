#include "ml/serve/predictor.h"

#include "ml/serve/artifact.h"
#include "ml/train/native_model.h"
#include "node/base/hash.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

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

Predictions decode(const Encoder& encoder, const std::vector<float>& values) {
  const TargetCoding& target = encoder.target();
  Predictions out;
  out.task = target.task;
  if (target.task == TaskKind::regression) {
    out.values.assign(values.begin(), values.end());
    return out;
  }
  out.classes = target.classes;
  const std::size_t count = target.classes.size();
  for (std::size_t at = 0; at + count <= values.size(); at += count) {
    std::vector<double> row;
    for (std::size_t k = 0; k < count; ++k)
      row.push_back(static_cast<double>(values[at + k]));
    out.labels.push_back(target.classes[most_likely(row)]);
    out.probabilities.push_back(std::move(row));
  }
  return out;
}

}  // namespace

struct Predictor::Served {
  Served(std::filesystem::path from, Encoder with, const asio::any_io_executor& executor)
      : path(std::move(from)), encoder(std::move(with)), turn(executor) {}

  std::size_t outputs() const { return std::max<std::size_t>(1, encoder.target().classes.size()); }

  std::filesystem::path path;
  std::filesystem::path model_path;
  bool is_native = false;  ///< needs no LibTorch
  Encoder encoder;
  Turn turn;
  std::unique_ptr<WorkerChannel> child;
};

Predictor::Predictor(asio::any_io_executor executor,
                     WorkerPools& pools,
                     std::filesystem::path folder)
    : executor_(std::move(executor)), pools_(pools), folder_(std::move(folder)) {}

Predictor::~Predictor() = default;

Result<std::shared_ptr<Predictor::Served>> Predictor::find_or_open(
    const std::filesystem::path& artifact) {
  const auto known = std::find_if(
      served_.begin(), served_.end(), [&](const auto& served) { return served->path == artifact; });
  if (known != served_.end()) {
    served_.splice(served_.begin(), served_, known);
    return served_.front();
  }
  auto opened = open_artifact(artifact);
  if (!opened) return opened.error();
  auto served = std::make_shared<Served>(artifact, std::move(opened->encoder), executor_);
  std::error_code ec;
  std::filesystem::create_directories(folder_, ec);
  const std::string name = hash_of(std::as_bytes(std::span{opened->model})).hex() + ".model";
  served->model_path = folder_ / name;
  served->is_native = is_native_model(opened->model) || is_tree_model(opened->model);
  const auto saved = save(served->model_path, opened->model);
  if (!saved) return saved.error();
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
  auto encoded = served->encoder.encode(rows, missing, warnings);
  if (!encoded) co_return encoded.error();

  std::vector<float> values;
  if (encoded->rows > 0) {
    co_await served->turn.take();
    auto answered = co_await ask(served, std::move(*encoded));
    served->turn.give();
    if (!answered) co_return answered.error();
    values = std::move(*answered);
  }
  Predictions predictions = decode(served->encoder, values);
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
